// All runs and backtests of a session; two or more can be laid side by side.
import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { getResults, type RunCard } from "../api";
import { type Key, t, useLanguage } from "../i18n";
import { duration, figure, RUN_TONE, signed, when } from "../ui/format";
import { Head } from "../ui/parts";
import { useWorkspace } from "../workspace";

export default function Runs() {
  useLanguage();
  const { session_id: sid, runs, files } = useWorkspace();
  const [chosen, setChosen] = useState<string[]>([]);
  const toggle = (id: string) => setChosen((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  const seconds = (run: RunCard) => (run.started_at && run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000 : null);
  return (
    <>
      <Head title={t("runs.title")} lead={t("runs.lead")}>{files.length > 0 && <Link className="button primary" to={`/s/${sid}/setup`}>{t("runs.new")}</Link>}</Head>
      {runs.length === 0 && <div className="card empty"><h2>{t("runs.none")}</h2><p>{t("runs.noneLead")}</p><Link className="button primary" to={`/s/${sid}/${files.length ? "setup" : "data"}`}>{t(files.length ? "data.next" : "setup.toData")}</Link></div>}
      {runs.length > 0 && (
        <div className="stack">
          <section className="card flush">
            <div className="scroll">
              <table>
                <thead><tr><th scope="col"><span className="visually-hidden">{t("runs.compare")}</span></th><th scope="col">{t("col.run")}</th><th scope="col">{t("col.status")}</th><th scope="col">{t("col.models")}</th><th scope="col">{t("col.best")}</th><th scope="col" className="num">{t("col.score")}</th><th scope="col" className="num">{t("col.skill")}</th><th scope="col" className="num">{t("col.time")}</th><th scope="col">{t("col.started")}</th></tr></thead>
                <tbody>
                  {runs.map((run) => {
                    const name = `${t(run.backtest_of ? "runs.backtest" : "runs.run")} ${run.number}`;
                    return (
                      <tr key={run.run_id}>
                        <td>{run.status === "completed" && !run.backtest_of && <input type="checkbox" aria-label={t("runs.compareOf", { name })} checked={chosen.includes(run.run_id)} onChange={() => toggle(run.run_id)} />}</td>
                        <th scope="row" className="nowrap"><Link to={`/s/${sid}/runs/${run.run_id}`}>{name}</Link></th>
                        <td><span className={`badge ${RUN_TONE[run.status]}`}>{t(`status.${run.status}`)}</span></td>
                        <td className="soft small" style={{ minWidth: "11rem" }}>{run.models.map((kind) => t(`model.${kind}` as Key)).join(", ")}</td>
                        <td>{run.best_label ?? "–"}</td>
                        <td className="num">{run.best_score === null ? "–" : <>{figure(run.best_score)} <span className="soft small">{run.metric.toUpperCase()}</span></>}</td>
                        <td className="num">{signed(run.skill)}</td>
                        <td className="num">{duration(seconds(run))}</td>
                        <td className="nowrap soft">{when(run.created_at)}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          </section>
          {chosen.length === 1 && <p className="soft small">{t("runs.oneMore")}</p>}
          {chosen.length > 1 && <Compare ids={chosen} />}
        </div>
      )}
    </>
  );
}

const SCORES = ["rmse", "mae", "wape", "mase", "r2"];

function Compare({ ids }: { ids: string[] }) {
  const { session_id: sid, runs } = useWorkspace();
  const asked = useQueries({ queries: ids.map((id) => ({ queryKey: ["run", id, "results"], queryFn: () => getResults(sid, id) })) });
  const labels = [...new Set(asked.flatMap((one) => one.data?.leaderboard.rows?.map((row) => row.label) ?? []))];
  const [score, setScore] = useState("rmse");
  return (
    <section className="card flush" aria-label={t("runs.compare")}>
      <div className="card-head"><h2>{t("runs.compare")}</h2><select aria-label={t("col.score")} value={score} onChange={(event) => setScore(event.target.value)}>{SCORES.map((name) => <option key={name} value={name}>{name.toUpperCase()}</option>)}</select></div>
      <div className="scroll">
        <table>
          <thead><tr><th scope="col">{t("col.model")}</th>{ids.map((id) => <th key={id} scope="col" className="num">{t("runs.run")} {runs.find((run) => run.run_id === id)?.number}</th>)}</tr></thead>
          <tbody>{labels.map((label) => {
            const values = asked.map((one) => one.data?.leaderboard.rows?.find((row) => row.label === label)?.test[score] ?? null);
            const known = values.filter((value): value is number => value !== null);
            const best = score === "r2" ? Math.max(...known) : Math.min(...known);
            return <tr key={label}><th scope="row">{label}</th>{values.map((value, k) => <td key={ids[k]} className="num">{known.length > 1 && value === best ? <strong>{figure(value)}</strong> : figure(value)}</td>)}</tr>;
          })}</tbody>
        </table>
      </div>
      <p className="soft small" style={{ padding: "6px 18px 14px" }}>{t("runs.compareHint")}</p>
    </section>
  );
}
