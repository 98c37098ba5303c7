// Deployed models: which version forecasts, how its forecasts met their truth, whether inputs have changed since training.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { getMonitoring, getResults, getVersions, type MonitoredModel, promoteModel, retireModel, rollBack, type Version } from "../api";
import { t, useLanguage } from "../i18n";
import { figure, percent, signed, when, whole } from "../ui/format";
import { Asking, Head, Loading, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";
import { Schedules } from "./Schedules";

const TONE: Record<Version["stage"], string> = { candidate: "", champion: "good", retired: "warn" };

export default function Models() {
  useLanguage();
  const { session_id: sid, runs } = useWorkspace();
  const queries = useQueryClient();
  const versions = useQuery({ queryKey: ["versions", sid], queryFn: () => getVersions(sid) });
  const monitoring = useQuery({ queryKey: ["monitoring", sid], queryFn: () => getMonitoring(sid), staleTime: 10_000 });
  const again = () => { void queries.invalidateQueries({ queryKey: ["versions", sid] }); void queries.invalidateQueries({ queryKey: ["template", sid] }); };
  const change = useMutation({ mutationFn: (work: () => Promise<unknown>) => work(), onSuccess: again });
  const done = runs.filter((run) => run.status === "completed" && !run.backtest_of);
  if (!done.length) return <><Head title={t("models.title")} lead={t("models.lead")} /><div className="card empty"><h2>{t("forecastPage.none")}</h2><p>{t("forecastPage.noneLead")}</p></div></>;
  const rows = versions.data?.versions ?? [];
  return (
    <>
      <Head title={t("models.title")} lead={t("models.lead")}>
        {rows.filter((row) => row.stage === "retired").length > 0 && versions.data?.champion && <Asking label={t("models.rollback")} title={t("models.rollbackTitle")} text={t("models.rollbackText")} className="" doIt={() => change.mutate(() => rollBack(sid))} />}
      </Head>
      <div className="stack">
        {change.isError && <Trouble error={change.error} />}
        {versions.isError && <Trouble error={versions.error} again={() => void versions.refetch()} />}
        {versions.isPending && <Loading />}
        {versions.data && (
          <section className="card flush" aria-labelledby="versions">
            <div className="card-head"><h2 id="versions">{t("models.versions")}</h2><span className="soft small">{versions.data.champion ? t("models.champion", { n: versions.data.champion }) : t("models.noChampion")}</span></div>
            {rows.length > 0 && (
              <div className="scroll">
                <table>
                  <thead><tr><th scope="col" className="num">{t("models.version")}</th><th scope="col">{t("models.stage")}</th><th scope="col">{t("col.model")}</th><th scope="col">{t("col.run")}</th><th scope="col">{t("models.since")}</th><th scope="col"><span className="visually-hidden">{t("col.actions")}</span></th></tr></thead>
                  <tbody>{rows.map((row) => (
                    <tr key={row.version} className={row.stage === "champion" ? "best" : ""}>
                      <th scope="row" className="num">{row.version}</th>
                      <td><span className={`badge ${TONE[row.stage]}`}>{t(`stage.${row.stage}`)}</span></td>
                      <td><Link to={`/s/${sid}/runs/${row.run_id}/models/${row.job_id}`}>{row.model}</Link></td>
                      <td><Link to={`/s/${sid}/runs/${row.run_id}`}>{t("runs.run")} {runs.find((run) => run.run_id === row.run_id)?.number ?? "–"}</Link></td>
                      <td className="nowrap soft">{when(row.created_at)}</td>
                      <td className="right nowrap">
                        {row.stage !== "champion" && <button type="button" className="quiet" disabled={change.isPending} aria-label={t("models.promoteOf", { n: row.version })} onClick={() => change.mutate(() => promoteModel(sid, { version: row.version }))}>{t("models.promote")}</button>}
                        {row.stage === "candidate" && <button type="button" className="quiet bad" disabled={change.isPending} aria-label={t("models.retireOf", { n: row.version })} onClick={() => change.mutate(() => retireModel(sid, row.version))}>{t("models.retire")}</button>}
                      </td>
                    </tr>
                  ))}</tbody>
                </table>
              </div>
            )}
            <Deploy rid={done[0]?.run_id ?? ""} busy={change.isPending} onDeploy={(model, run_id) => change.mutate(() => promoteModel(sid, { model, run_id }))} />
          </section>
        )}
        <Schedules />
        {monitoring.isError && <Trouble error={monitoring.error} again={() => void monitoring.refetch()} />}
        {monitoring.data?.models.map((model) => <Met key={model.job_id} model={model} />)}
        {monitoring.data && monitoring.data.models.length === 0 && <div className="card empty"><h2>{t("met.none")}</h2><p>{t("met.noneLead")}</p><Link className="button" to={`/s/${sid}/forecast`}>{t("step.forecast")}</Link></div>}
        {versions.data && versions.data.changes.length > 0 && (
          <details className="card"><summary>{t("models.history")}</summary>
            <ul className="stack tight" style={{ paddingTop: 8 }}>{versions.data.changes.map((one) => <li key={one.number}><span className="soft">{when(one.created_at)}</span> {t("models.took", { n: one.version, stage: t(`stage.${one.stage}`) })} {one.reason && <span className="soft">{one.reason}</span>}</li>)}</ul>
          </details>
        )}
      </div>
    </>
  );
}

/** Make a model of the newest run the one that forecasts. */
function Deploy({ rid, busy, onDeploy }: { rid: string; busy: boolean; onDeploy: (model: string, rid: string) => void }) {
  const { session_id: sid } = useWorkspace();
  const results = useQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid), enabled: rid !== "" });
  const [chosen, setChosen] = useState("best");
  const rows = results.data?.leaderboard.rows?.filter((row) => row.rank !== null) ?? [];
  return (
    <div className="row" style={{ padding: "12px 18px 16px" }}>
      <label className="row small">{t("models.deployOf")} <select value={chosen} onChange={(event) => setChosen(event.target.value)}><option value="best">{t("order.best", { name: results.data?.best_model?.label ?? "–" })}</option>{rows.map((row) => <option key={row.job_id} value={row.job_id}>{row.label}</option>)}</select></label>
      <button type="button" disabled={busy || !rid} onClick={() => onDeploy(chosen, rid)}>{t("models.deploy")}</button>
    </div>
  );
}

function Met({ model }: { model: MonitoredModel }) {
  return (
    <section className="card stack" aria-label={t("met.of", { name: model.model })}>
      <div className="row between">
        <h2>{t("met.of", { name: model.model })}{model.version !== null && <span className="badge" style={{ marginLeft: 8 }}>{t("models.version")} {model.version}</span>}</h2>
        <span className="soft small">{t("met.count", { n: whole(model.n_forecasts), open: whole(model.n_open) })}</span>
      </div>
      {model.targets.map((target) => (
        <div key={target.series_id} className="stack tight">
          <strong>{target.name}</strong>
          <dl className="facts">
            <div><dt>MAE</dt><dd>{figure(target.mae, 3)}</dd></div>
            <div><dt>RMSE</dt><dd>{figure(target.rmse, 3)}</dd></div>
            <div><dt>MASE</dt><dd>{figure(target.mase, 3)}</dd></div>
            <div><dt>{t("met.bias")}</dt><dd>{figure(target.bias, 2)}</dd></div>
            <div><dt>{t("col.skill")}</dt><dd className={target.skill !== null && target.skill < 0 ? "bad-ink" : "good-ink"}>{signed(target.skill)}</dd></div>
          </dl>
          <ul className="checks">
            {target.coverage.map((one) => <li key={one.level}><span className={`mark ${one.within_band === false ? "bad-ink" : one.within_band ? "good-ink" : ""}`} aria-hidden="true">{one.within_band === false ? "✕" : one.within_band ? "✓" : "·"}</span><span>{t("met.coverage", { level: percent(one.level / 100, 0), share: percent(one.share) })}{one.within_band === null && <span className="soft"> {t("met.few")}</span>}</span></li>)}
          </ul>
        </div>
      ))}
      {model.inputs.length > 0 && (
        <details>
          <summary>{t("drift.title", { n: model.inputs.filter((one) => one.drifted).length })}</summary>
          <div className="scroll">
            <table>
              <thead><tr><th scope="col">{t("col.series")}</th><th scope="col">{t("drift.verdict")}</th><th scope="col" className="num">KS</th><th scope="col" className="num">PSI</th><th scope="col" className="num">p</th></tr></thead>
              <tbody>{model.inputs.map((one) => <tr key={one.name}><th scope="row">{one.name}</th><td>{one.drifted === null ? <span className="soft small">{t("drift.unknown")}</span> : one.drifted ? <span className="badge warn">{t("drift.yes")}</span> : <span className="badge good">{t("drift.no")}</span>}</td><td className="num">{figure(one.ks, 2)}</td><td className="num">{figure(one.psi, 2)}</td><td className="num">{figure(one.p_value, 2)}</td></tr>)}</tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  );
}
