// Forecasts of a model: the newest days of its test part with bands, and how a program asks for the same.
import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";

import { getResults } from "../api";
import { ForecastChart } from "../charts/ForecastChart";
import { t, useLanguage } from "../i18n";
import { Head, Loading, Trouble } from "../ui/parts";
import { useWorkspace } from "./Session";

export default function Forecast() {
  useLanguage();
  const { session_id: sid, runs, files } = useWorkspace();
  const [params, setParams] = useSearchParams();
  const done = runs.filter((run) => run.status === "completed" && !run.backtest_of);
  const rid = params.get("run") ?? done[0]?.run_id ?? "";
  const results = useQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid), enabled: rid !== "" });
  if (!done.length) return <><Head title={t("forecastPage.title")} /><div className="card empty"><h2>{t("forecastPage.none")}</h2><p>{t("forecastPage.noneLead")}</p><Link className="button primary" to={`/s/${sid}/${files.length ? "setup" : "data"}`}>{t(files.length ? "data.next" : "setup.toData")}</Link></div></>;
  const rows = results.data?.leaderboard.rows?.filter((row) => row.rank !== null) ?? [];
  const jid = params.get("model") ?? results.data?.best_model?.job_id ?? rows[0]?.job_id ?? "";
  const set = (name: string, value: string) => setParams((before) => { const next = new URLSearchParams(before); next.set(name, value); next.delete("window"); if (name === "run") next.delete("model"); return next; }, { replace: true });
  const asCurl = `curl "${location.origin}/api/training/test-forecasts/${sid}?run_id=${rid}&job_id=${jid}&window=0"`;
  return (
    <>
      <Head title={t("forecastPage.title")} lead={t("forecastPage.lead")}>
        <select aria-label={t("col.run")} value={rid} onChange={(event) => set("run", event.target.value)}>{done.map((run) => <option key={run.run_id} value={run.run_id}>{t("runs.run")} {run.number}</option>)}</select>
        <select aria-label={t("col.model")} value={jid} onChange={(event) => set("model", event.target.value)}>{rows.map((row) => <option key={row.job_id} value={row.job_id}>{row.label}</option>)}</select>
      </Head>
      {results.isError && <Trouble error={results.error} />}
      {!results.data && !results.isError && <Loading />}
      {jid && results.data && (
        <div className="stack">
          <section className="card"><ForecastChart sid={sid} rid={rid} jid={jid} height={400} /></section>
          <details className="card"><summary>{t("forecastPage.asCurl")}</summary><pre className="code" tabIndex={0}>{asCurl}</pre></details>
        </div>
      )}
    </>
  );
}
