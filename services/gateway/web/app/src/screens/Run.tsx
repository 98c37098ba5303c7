// One run: while it goes on its bars and loss curves, then its verdict, leaderboard and the forecast of the best.
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { type BoardRow, getHistory, getResults, getStatus, type Job, type Results, type RunStatus, stopRun } from "../api";
import { call } from "../client";
import { ForecastChart } from "../charts/ForecastChart";
import { over } from "../early";
import { type Key, t, useLanguage } from "../i18n";
import { type LiveRun, liveRun, progressOf, useLiveRun } from "../live";
import { duration, figure, percent, RUN_TONE, signed, when } from "../ui/format";
import { Asking, explain, Head, Loading, saveCsv, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";

const TimeChart = lazy(() => import("../charts/TimeChart"));
const Backtest = lazy(() => import("./Backtest"));

export default function Run() {
  useLanguage();
  const { rid = "" } = useParams();
  const { session_id: sid, runs } = useWorkspace();
  const card = runs.find((run) => run.run_id === rid);
  const status = useQuery({ queryKey: ["run", rid, "status"], queryFn: () => getStatus(sid, rid), placeholderData: keepPreviousData });
  const scored = status.data?.run_id === rid && over(status.data.status) && !card?.backtest_of;
  const results = useQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid), enabled: scored });
  if (status.isError) return <><Head title={t("runs.run")} /><Trouble error={status.error} again={() => void status.refetch()} /></>;
  if (!status.data || status.data.run_id !== rid || (scored && results.isPending)) return <Loading />; // nothing is drawn that would be pushed down
  const going = !over(status.data.status);
  const name = `${t(card?.backtest_of ? "runs.backtest" : "runs.run")} ${card?.number ?? ""}`;
  return (
    <>
      <Head title={name} lead={card ? t("run.lead", { when: when(card.created_at), metric: card.metric.toUpperCase() }) : ""}>
        <span className={`badge ${RUN_TONE[status.data.status] ?? ""}`}>{t(`status.${status.data.status}` as Key)}</span>
        {going && <Asking label={t("run.stop")} className="danger" title={t("run.stopTitle")} text={t("run.stopText")} doIt={() => stopRun(sid, rid)} />}
        {!going && <button type="button" className="no-print" onClick={() => print()}>{t("run.print")}</button>}
        {!going && status.data.status === "completed" && <a className="button no-print" href={`/api/training/results/${sid}/download?run_id=${rid}`}>{t("run.download")}</a>}
      </Head>
      <div className="stack">
        {status.data.problem && <Trouble error={status.data.problem} />}
        {results.isError && <Trouble error={results.error} again={() => void results.refetch()} />}
        {scored && results.data && <Outcome results={results.data} rid={rid} />}
        {!going && card?.backtest_of && <Suspense fallback={<Loading />}><Backtest rid={rid} /></Suspense>}
        <Training status={status.data} rid={rid} going={going} />
      </div>
    </>
  );
}

// -- while it goes on ----------------------------------------------------------------------------------------

function Training({ status, rid, going }: { status: RunStatus; rid: string; going: boolean }) {
  const { session_id: sid } = useWorkspace();
  const live = liveRun(rid);
  const version = useLiveRun(live);
  const history = useQuery({ queryKey: ["history", rid, going], queryFn: () => getHistory(sid, rid), staleTime: Number.POSITIVE_INFINITY });
  useEffect(() => { if (history.data) live.load(history.data.curves); }, [history.data, live]);
  const models = status.jobs.filter((job) => job.trial === null);
  const shares = models.map((job) => progressOf(job, live.fits.get(job.job_id)));
  const total = going ? Math.max(status.progress, shares.length ? (0.99 * shares.reduce((a, b) => a + b, 0)) / shares.length : 0) : 100;
  const done = models.filter((job) => job.status === "finished").length;
  return (
    <div className="two">
      <section className="card" aria-labelledby="fits">
        <div className="card-head"><h2 id="fits">{t("run.fits")}</h2><span className="soft small num">{t("run.done", { done, all: models.length })}</span></div>
        {going && <progress max={100} value={total} aria-label={t("run.whole")} />}
        {status.jobs.length === 0 && <p className="soft" style={{ paddingTop: 10 }}>{t(going ? "run.preparing" : "run.noModel")}</p>}
        <div style={{ marginTop: 6 }}>{models.map((job, k) => <JobLine key={job.job_id} job={job} share={shares[k] ?? 0} rid={rid} eta={live.fits.get(job.job_id)?.eta ?? job.eta_seconds} epoch={live.fits.get(job.job_id)?.epoch ?? job.epoch} epochs={live.fits.get(job.job_id)?.nEpochs ?? job.total_epochs} going={going} trials={status.jobs.filter((one) => one.trial_of === job.job_id)} live={live} />)}</div>
      </section>
      <Losses rid={rid} version={version} going={going} />
    </div>
  );
}

function JobLine({ job, share, rid, eta, epoch, epochs, going, trials, live }: { job: Job; share: number; rid: string; eta: number | null; epoch: number | null; epochs: number | null; going: boolean; trials: Job[]; live: LiveRun }) {
  const { session_id: sid } = useWorkspace();
  const stopped = useMutation({ mutationFn: () => stopRun(sid, rid, job.job_id) });
  const running = job.status === "running" || (job.status === "queued" && epoch != null);
  const text = running
    ? [epoch && t("run.epoch", { n: epoch, all: epochs ?? "–" }), eta != null && t("run.left", { time: duration(eta) })].filter(Boolean).join(" · ") || t("job.running")
    : job.status === "finished" ? t("job.finished", { time: duration(job.seconds) }) : t(`job.${job.status}` as Key);
  return (
    <div className="job">
      <span><strong>{job.label}</strong>{job.baseline && <span className="soft small"> {t("baseline")}</span>}</span>
      <progress max={100} value={share} aria-label={job.label} className={job.status === "cancelled" || job.status === "failed" ? "stopped" : ""} />
      <span className="soft small num">{text}</span>
      <span>{going && (running || job.status === "queued" || job.status === "searching") && !job.baseline && <button type="button" className="quiet bad" disabled={stopped.isPending || stopped.isSuccess} onClick={() => stopped.mutate()} aria-label={t("run.stopOf", { name: job.label })}>{t("run.stopOne")}</button>}</span>
      {job.problem && <div style={{ gridColumn: "1 / -1" }}><Trouble error={job.problem} /></div>}
      {trials.length > 0 && <Trials of={job} trials={trials} live={live} />}
    </div>
  );
}

/** The candidates of a search, the best first; those fitted on all windows are compared, the others were given up early. */
function Trials({ of, trials, live }: { of: Job; trials: Job[]; live: LiveRun }) {
  const newest = [...new Map([...trials].sort((a, b) => (a.trial_stage ?? 0) - (b.trial_stage ?? 0)).map((one) => [one.trial, one])).values()];
  const rank = (one: Job) => (one.trial_loss === null ? Number.POSITIVE_INFINITY : one.trial_loss) + (one.trial_stage ? 0 : 1e12);
  const sorted = newest.sort((a, b) => rank(a) - rank(b) || (a.trial ?? 0) - (b.trial ?? 0));
  const over = newest.filter((one) => ["finished", "failed", "cancelled"].includes(one.status)).length;
  return (
    <details style={{ gridColumn: "1 / -1" }} open={of.status === "searching"}>
      <summary className="small">{t("trials.of", { n: newest.length, over })}</summary>
      <div className="scroll">
        <table className="small">
          <thead><tr><th scope="col" className="num">{t("trials.trial")}</th><th scope="col">{t("col.status")}</th><th scope="col" className="num">{t("trials.loss")}</th><th scope="col">{t("trials.on")}</th></tr></thead>
          <tbody>{sorted.slice(0, 40).map((one, k) => (
            <tr key={one.job_id} className={k === 0 && one.trial_stage === 1 && one.trial_loss !== null ? "best" : ""}>
              <th scope="row" className="num">{one.trial === 0 ? t("trials.asAsked") : one.trial}</th>
              <td>{one.status === "running" ? t("trials.going", { share: percent(progressOf(one, live.fits.get(one.job_id)) / 100, 0) }) : one.status === "finished" ? t("trials.done") : t(`job.${one.status}` as Key)}</td>
              <td className="num">{figure(one.trial_loss, 4)}</td>
              <td className="soft">{t(one.trial_stage ? "trials.all" : "trials.part")}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
    </details>
  );
}

function Losses({ rid, version, going }: { rid: string; version: number; going: boolean }) {
  const live = liveRun(rid);
  // biome-ignore lint: the curves are new whenever the version is
  const drawn = useMemo(() => {
    const curves = [...live.curves.values()].filter((curve) => curve.epochs.length > 0);
    const most = Math.max(0, ...curves.map((curve) => curve.epochs.at(-1) ?? 0));
    const x = Array.from({ length: most }, (_, k) => k + 1);
    const spread = (epochs: number[], values: (number | null)[]) => {
      const all: (number | null)[] = new Array(most).fill(null);
      for (let k = 0; k < epochs.length; k++) all[(epochs[k] as number) - 1] = (values[k] ?? 0) > 0 ? (values[k] as number) : null;
      return all;
    };
    return {
      x,
      lines: curves.flatMap((curve, k) => [
        { label: `${curve.label} ${t("loss.train")}`, values: spread(curve.epochs, curve.loss), stroke: `c${k % 8}`, width: 1.4, dash: [5, 4] },
        { label: `${curve.label} ${t("loss.validation")}`, values: spread(curve.epochs, curve.val_loss), stroke: `c${k % 8}`, width: 2 },
      ]).filter((line) => line.values.some((value) => value !== null)),
    };
  }, [live, version]);
  return (
    <section className="card" aria-labelledby="losses">
      <h2 id="losses">{t("loss.title")}</h2>
      {drawn.x.length > 1 && drawn.lines.length
        ? <Suspense fallback={<Loading />}><TimeChart {...drawn} numeric logarithmic height={250} name="loss" xLabel={t("loss.epoch")} unit={t("loss.unit")} summary={t("loss.summary", { n: drawn.lines.length, epochs: drawn.x.length })} /></Suspense>
        : <p className="soft" style={{ minHeight: going ? 250 : 0 }}>{t(going ? "loss.none" : "loss.never")}</p>}
    </section>
  );
}

// -- when it is over -----------------------------------------------------------------------------------------

function Outcome({ results, rid }: { results: Results; rid: string }) {
  const { session_id: sid } = useWorkspace();
  const rows = results.leaderboard.rows ?? [];
  if (!rows.length) return <div className="notice warn">{t("run.noScores")}</div>;
  const unranked = rows.every((row) => row.rank === null) ? rows[0]?.reason : null;
  return (
    <>
      <section className="card stack" aria-labelledby="verdict">
        <h2 id="verdict" className="visually-hidden">{t("verdict.title")}</h2>
        {unranked ? <div className="notice bad">{t("verdict.unranked")} <span className="soft">{unranked}</span></div> : <Verdict results={results} rows={rows} />}
      </section>
      <Board results={results} rows={rows} rid={rid} />
      {results.best_model && <section className="card" aria-labelledby="forecast-best"><div className="card-head"><h2 id="forecast-best">{t("forecast.ofBest", { name: results.best_model.label })}</h2><Link to={`/s/${sid}/runs/${rid}/models/${results.best_model.job_id}`}>{t("run.toModel")}</Link></div><ForecastChart sid={sid} rid={rid} jid={results.best_model.job_id} /></section>}
    </>
  );
}

function Verdict({ results, rows }: { results: Results; rows: BoardRow[] }) {
  const best = rows.find((row) => row.rank === 1);
  if (!best) return null;
  const metric = results.leaderboard.metric ?? "rmse";
  const claims = results.leaderboard.claims ?? [];
  const members = results.leaderboard.ensemble?.members ?? [];
  const about = claims.map((claim) => {
    const { winner, p_value } = claim.comparison;
    const values = { best: claim.best, other: claim.other, p: p_value === null ? "–" : p_value < 0.001 ? "< 0,001".replace(",", document.documentElement.lang === "de" ? "," : ".") : figure(p_value, 2) };
    return winner === "tie" ? t("claim.tie", values) : winner === "first" ? t("claim.first", values) : t("claim.second", values);
  });
  return (
    <>
      <p className="verdict"><strong>{best.label}</strong> {best.skill === null ? t("verdict.best") : best.skill > 0 ? t("verdict.better", { share: percent(best.skill, 0) }) : t("verdict.worse")}</p>
      <dl className="facts">
        <div><dt>{metric.toUpperCase()} {t("part.test")}</dt><dd>{figure(best.test[metric])}</dd></div>
        <div><dt>MAE</dt><dd>{figure(best.test.mae)}</dd></div>
        <div><dt>WAPE</dt><dd>{figure(best.test.wape, 3)} <small>%</small></dd></div>
        <div><dt>R²</dt><dd>{figure(best.test.r2, 3)}</dd></div>
        <div><dt>{t("col.skill")}</dt><dd className={(best.skill ?? 0) > 0 ? "good-ink" : "bad-ink"}>{signed(best.skill)}</dd></div>
      </dl>
      <ul className="checks">
        {about.map((text) => <li key={text}><span className="mark soft" aria-hidden="true">·</span><span>{text}</span></li>)}
        {best.kind === "ensemble" && members.length > 0 && <li><span className="mark soft" aria-hidden="true">·</span><span>{t("verdict.members", { list: members.map((one) => `${percent(one.weight, 0)} ${one.label}`).join(" + ") })}</span></li>}
      </ul>
    </>
  );
}

interface Column { key: string; label: string; of: (row: BoardRow) => number | null; said: (value: number | null) => string; usual: boolean }

const score = (part: "validation" | "test", name: string, usual: boolean): Column => ({
  key: `${part}.${name}`, label: `${name === "r2" ? "R²" : name.toUpperCase()} ${part}`, of: (row) => row[part][name] ?? null, said: (value) => figure(value), usual,
});

function Board({ results, rows, rid }: { results: Results; rows: BoardRow[]; rid: string }) {
  const { session_id: sid } = useWorkspace();
  const go = useNavigate();
  const metric = results.leaderboard.metric ?? "rmse";
  const seconds = new Map(results.models.map((model) => [model.job_id, model.seconds]));
  const columns: Column[] = [
    score("validation", metric, true), score("test", metric, true),
    ...["rmse", "mae", "wape", "mase", "smape", "r2"].filter((name) => name !== metric).map((name) => score("test", name, ["mae", "wape", "r2"].includes(name))),
    { key: "skill", label: t("col.skill"), of: (row) => row.skill, said: signed, usual: true },
    { key: "seconds", label: t("col.time"), of: (row) => seconds.get(row.job_id) ?? null, said: duration, usual: true },
  ];
  const [shown, setShown] = useState(() => new Set(columns.filter((column) => column.usual).map((column) => column.key)));
  const [sort, setSort] = useState<{ key: string; up: boolean } | null>(null);
  const seen = columns.filter((column) => shown.has(column.key));
  const sorted = useMemo(() => {
    const column = sort && columns.find((one) => one.key === sort.key);
    if (!column || !sort) return rows;
    const value = (row: BoardRow) => column.of(row) ?? Number.POSITIVE_INFINITY * (sort.up ? 1 : -1);
    return [...rows].sort((a, b) => (sort.up ? 1 : -1) * (value(a) - value(b)));
    // biome-ignore lint: columns follow from rows
  }, [rows, sort]);
  const heading = (column: Column) => column.label.replace(" validation", ` ${t("part.validation")}`).replace(" test", ` ${t("part.test")}`);
  const csv = () => saveCsv(`leaderboard-${rid.slice(0, 8)}.csv`, [["rank", "model", ...columns.map((column) => column.key)], ...rows.map((row) => [row.rank, row.label, ...columns.map((column) => column.of(row))])]);
  const turn = (key: string) => setSort((before) => (before?.key === key ? (before.up ? { key, up: false } : null) : { key, up: true }));
  return (
    <section className="card flush">
      <div className="card-head">
        <h2 id="board">{t("board.title")}</h2>
        <div className="row no-print">
          <details style={{ position: "relative" }}><summary className="small">{t("board.columns")}</summary>
            <div className="card stack tight" style={{ position: "absolute", right: 0, zIndex: 20, minWidth: 210 }}>{columns.map((column) => <label key={column.key} className="check small"><input type="checkbox" checked={shown.has(column.key)} onChange={() => setShown((before) => { const next = new Set(before); if (!next.delete(column.key)) next.add(column.key); return next; })} /> {heading(column)}</label>)}</div>
          </details>
          <button type="button" className="quiet small" onClick={csv}>CSV</button>
        </div>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-labelledby="board">
        <table>
          <thead><tr><th scope="col">#</th><th scope="col">{t("col.model")}</th>{seen.map((column) => <th key={column.key} scope="col" className="num" aria-sort={sort?.key === column.key ? (sort.up ? "ascending" : "descending") : "none"}><button type="button" onClick={() => turn(column.key)}>{heading(column)}<span aria-hidden="true">{sort?.key === column.key ? (sort.up ? " ↑" : " ↓") : ""}</span></button></th>)}</tr></thead>
          <tbody>
            {sorted.map((row) => (
              <tr key={row.job_id} className={row.rank === 1 ? "best" : ""} onDoubleClick={() => go(`/s/${sid}/runs/${rid}/models/${row.job_id}`)}>
                <td className="num" style={{ width: 30 }}>{row.rank ?? "–"}</td>
                <th scope="row" className="nowrap"><Link to={`/s/${sid}/runs/${rid}/models/${row.job_id}`}>{row.label}</Link>{row.is_baseline && <span className="soft small"> {t("baseline")}</span>}{row.reason && <div className="soft small" style={{ whiteSpace: "normal", fontWeight: 400 }}>{row.reason}</div>}</th>
                {seen.map((column) => <td key={column.key} className="num">{column.said(column.of(row))}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="row between" style={{ padding: "8px 18px 14px" }}><p className="soft small">{t("board.hint", { metric: metric.toUpperCase() })}</p><StartBacktest rid={rid} /></div>
      {results.models.filter((model) => model.problem).map((model) => <div key={model.job_id} className="notice bad" style={{ margin: "0 18px 14px" }}><strong>{model.label}</strong><span>{explain(model.problem).message}</span></div>)}
    </section>
  );
}

function StartBacktest({ rid }: { rid: string }) {
  const { session_id: sid } = useWorkspace();
  const go = useNavigate();
  const started = useMutation({ mutationFn: () => call<{ run_id: string }>("POST", `/backtest/${sid}`, { run_id: rid, n_folds: 4 }), onSuccess: ({ run_id }) => go(`/s/${sid}/runs/${run_id}`) });
  return <div className="no-print"><button type="button" disabled={started.isPending} onClick={() => started.mutate()} title={t("backtest.about")}>{t("backtest.start")}</button>{started.isError && <Trouble error={started.error} />}</div>;
}
