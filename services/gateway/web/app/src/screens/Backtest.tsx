// A backtest: the same models at several cutoffs.
import { useQuery } from "@tanstack/react-query";

import { call } from "../client";
import { t } from "../i18n";
import { day, figure, percent, signed, whole } from "../ui/format";
import { Loading, saveCsv, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";

interface Fold { number: number; cutoff: string; last: string; n_train?: number; n_test?: number; train?: [number, number]; test?: [number, number] }
interface ModelRow { job_id: string; label: string; rank: number | null; mean?: number | null; wins?: number | null; skill?: number | null; reason?: string | null; folds?: (number | null | { [key: string]: unknown })[]; [key: string]: unknown }
interface Answer { status: string; metric?: string; folds: Fold[]; leaderboard?: { metric?: string; rows?: ModelRow[]; sentence?: string }; models?: ModelRow[]; best_model?: { label: string } | null; problem: unknown }

const scoreOf = (value: unknown, metric: string): number | null => {
  if (typeof value === "number") return value;
  if (typeof value !== "object" || value === null) return null;
  const found = value as Record<string, unknown>;
  const inner = found[metric] ?? found.score ?? found.loss ?? (found.test as Record<string, unknown> | undefined)?.[metric];
  return typeof inner === "number" ? inner : null;
};

export default function Backtest({ rid }: { rid: string }) {
  const { session_id: sid } = useWorkspace();
  const asked = useQuery({ queryKey: ["run", rid, "backtest"], queryFn: () => call<Answer>("GET", `/backtest/${sid}?run_id=${rid}`) });
  if (asked.isError) return <Trouble error={asked.error} again={() => void asked.refetch()} />;
  if (!asked.data) return <Loading />;
  const { folds } = asked.data;
  const metric = asked.data.metric ?? asked.data.leaderboard?.metric ?? "rmse";
  const rows = asked.data.leaderboard?.rows ?? asked.data.models ?? [];
  const csv = () => saveCsv("backtest.csv", [["model", ...folds.map((fold) => fold.cutoff)], ...rows.map((row) => [row.label, ...(row.folds ?? []).map((value) => scoreOf(value, metric))])]);
  return (
    <section className="card flush">
      <div className="card-head"><h2 id="folds">{t("backtest.title", { n: folds.length })}</h2><button type="button" className="quiet small" onClick={csv}>CSV</button></div>
      <div className="scroll" tabIndex={0} role="region" aria-labelledby="folds">
        <table>
          <thead><tr><th scope="col">#</th><th scope="col">{t("col.model")}</th>{folds.map((fold) => <th key={fold.number} scope="col" className="num">{t("backtest.from", { day: day(Date.parse(fold.cutoff)) })}</th>)}<th scope="col" className="num">{t("col.mean")}</th><th scope="col" className="num">{t("col.skill")}</th></tr></thead>
          <tbody>
            {rows.map((row) => {
              const values = (row.folds ?? []).map((value) => scoreOf(value, metric));
              const known = values.filter((value): value is number => value !== null);
              return (
                <tr key={row.job_id} className={row.rank === 1 ? "best" : ""}>
                  <td className="num">{row.rank ?? "–"}</td><th scope="row">{row.label}</th>
                  {folds.map((fold, k) => <td key={fold.number} className="num">{figure(values[k])}</td>)}
                  <td className="num">{known.length ? figure(known.reduce((a, b) => a + b, 0) / known.length) : "–"}</td>
                  <td className="num">{typeof row.skill === "number" ? signed(row.skill) : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="soft small" style={{ padding: "8px 18px 14px" }}>{t("backtest.hint", { metric: metric.toUpperCase() })}{typeof rows[0]?.wins === "number" && ` ${t("backtest.wins", { name: rows[0].label, n: whole(rows[0].wins as number), share: percent((rows[0].wins as number) / Math.max(1, folds.length), 0) })}`}</p>
    </section>
  );
}
