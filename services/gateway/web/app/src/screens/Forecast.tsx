// Tomorrow's numbers: from the newest rows, with bands; what a model must know of the future; what would be if.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { addRows, type Forecast, type ForecastOrder, getResults, getSeries, getTemplate, getVersions, listForecasts, makeForecast, readForecast, type Template } from "../api";
import { t, useLanguage } from "../i18n";
import { figure, moment, percent, signed, typed, when, whole } from "../ui/format";
import { Head, Loading, saveCsv, Trouble } from "../ui/parts";
import { readFuture, Unfilled } from "../ui/table";
import { useWorkspace } from "../workspace";

const TimeChart = lazy(() => import("../charts/TimeChart"));
type Future = Record<string, Record<string, number>>;

export default function ForecastPage() {
  useLanguage();
  const { session_id: sid, runs, files } = useWorkspace();
  const [params, setParams] = useSearchParams();
  const queries = useQueryClient();
  const [future, setFuture] = useState<Future>({});
  const [hours, setHours] = useState("");
  const done = runs.filter((run) => run.status === "completed" && !run.backtest_of);
  const rid = params.get("run") ?? done[0]?.run_id ?? "";
  const versions = useQuery({ queryKey: ["versions", sid], queryFn: () => getVersions(sid), enabled: done.length > 0 });
  const inUse = versions.data?.versions.find((one) => one.stage === "champion");
  const model = params.get("model") ?? (inUse && !params.get("run") ? "champion" : "best");
  const meant = { model, ...(model === "champion" ? {} : { run_id: rid }) }; // the version in use may be of any run
  const chosen = params.get("forecast");
  const results = useQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid), enabled: rid !== "" });
  const template = useQuery({ queryKey: ["template", sid, meant.run_id, model], queryFn: () => getTemplate(sid, model, meant.run_id), enabled: versions.isFetched, staleTime: 5000 });
  const list = useQuery({ queryKey: ["forecasts", sid], queryFn: () => listForecasts(sid), enabled: done.length > 0 });
  const shownId = chosen ?? list.data?.forecasts.find((one) => one.parent_id === null)?.forecast_id ?? "";
  const shown = useQuery({ queryKey: ["forecasts", sid, shownId], queryFn: () => readForecast(sid, shownId), enabled: shownId !== "", staleTime: Number.POSITIVE_INFINITY });
  const set = (changes: Record<string, string | null>) => setParams((before) => {
    const next = new URLSearchParams(before);
    for (const [name, value] of Object.entries(changes)) if (value === null) next.delete(name); else next.set(name, value);
    return next;
  }, { replace: true });
  const make = useMutation({
    mutationFn: ({ order }: { order: ForecastOrder; beside?: string }) => makeForecast(sid, order),
    onSuccess: (made, { beside }) => {
      queries.setQueryData(["forecasts", sid, made.forecast_id], made);
      void queries.invalidateQueries({ queryKey: ["forecasts", sid], exact: true });
      set({ forecast: made.forecast_id, beside: beside ?? null });
    },
  });
  if (!done.length) return <><Head title={t("forecastPage.title")} /><div className="card empty"><h2>{t("forecastPage.none")}</h2><p>{t("forecastPage.noneLead")}</p><Link className="button primary" to={`/s/${sid}/${files.length ? "setup" : "data"}`}>{t(files.length ? "data.next" : "setup.toData")}</Link></div></>;
  const rows = results.data?.leaderboard.rows?.filter((row) => row.rank !== null) ?? [];
  const horizon = typed(hours);
  const order: ForecastOrder = { ...meant, ...(horizon > 0 ? { horizon } : {}), ...(Object.keys(future).length ? { future } : {}) };
  const missing = (template.data?.inputs ?? []).map((one) => ({ series: one.series, n: one.stamps.filter((stamp) => !stamp.known && future[one.series]?.[stamp.time] === undefined).length })).filter((one) => one.n > 0);
  return (
    <>
      <Head title={t("forecastPage.title")} lead={t("forecastPage.lead")} />
      <div className="stack">
        <section className="card stack" aria-labelledby="order">
          <div className="row between">
            <h2 id="order">{t("order.title")}</h2>
            {template.data && <span className="soft small">{t("order.rowsUntil", { when: moment(Date.parse(template.data.reference_time), template.data.timezone) })}</span>}
          </div>
          <div className="row" style={{ gap: "10px 18px", alignItems: "end" }}>
            <label className="field">{t("col.run")}<select value={rid} onChange={(event) => set({ run: event.target.value, model: null, forecast: null })}>{done.map((run) => <option key={run.run_id} value={run.run_id}>{t("runs.run")} {run.number}</option>)}</select></label>
            <label className="field">{t("col.model")}<select value={model} onChange={(event) => set({ model: event.target.value })}>{inUse && <option value="champion">{t("order.inUse", { n: inUse.version, name: inUse.model })}</option>}<option value="best">{t("order.best", { name: results.data?.best_model?.label ?? "–" })}</option>{rows.map((row) => <option key={row.job_id} value={row.job_id}>{row.label}</option>)}</select></label>
            <label className="field">{t("order.hours")}<span className="unit"><input className="number" inputMode="decimal" style={{ width: "5.2em" }} value={hours} placeholder={t("order.all")} aria-invalid={hours !== "" && !(horizon > 0)} onChange={(event) => setHours(event.target.value)} />h</span></label>
            <button type="button" className="primary" disabled={make.isPending || missing.length > 0 || (hours !== "" && !(horizon > 0))} onClick={() => make.mutate({ order })}>{make.isPending ? t("order.making") : t("order.make")}</button>
          </div>
          {template.isError && <Trouble error={template.error} again={() => void template.refetch()} />}
          {template.data && template.data.inputs.length > 0 && <Known template={template.data} missing={missing} future={future} onFuture={setFuture} />}
          <NewRows onAdded={() => { void template.refetch(); void queries.invalidateQueries({ queryKey: ["workspace", sid] }); void queries.invalidateQueries({ queryKey: ["past", sid] }); }} />
          {make.isError && <Trouble error={make.error} />}
        </section>
        {shown.isError && <Trouble error={shown.error} />}
        {shown.data && <Shown forecast={shown.data} beside={shown.data.parent_id ?? params.get("beside")} order={{ run_id: shown.data.run_id, model: shown.data.job_id }} onScenario={(changed) => make.mutate({ order: { run_id: shown.data.run_id, model: shown.data.job_id, horizon: shown.data.horizon_hours, future: { ...shown.data.future, ...changed } }, beside: shown.data.forecast_id })} busy={make.isPending} />}
        {list.data && list.data.forecasts.length > 0 && <Earlier list={list.data.forecasts} count={list.data.count} shown={shownId} onOpen={(id) => set({ forecast: id, beside: null })} />}
        <p className="soft small">{t("forecastPage.testHint")} <Link to={`/s/${sid}/runs/${rid}`}>{t("forecastPage.toRun")}</Link></p>
      </div>
    </>
  );
}

/** What a model must know of the future: what its rows say already, and what somebody has to fill in. */
function Known({ template, missing, future, onFuture }: { template: Template; missing: { series: string; n: number }[]; future: Future; onFuture: (future: Future) => void }) {
  const pick = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState("");
  const names = template.inputs.map((one) => one.series);
  const stamps = [...new Set(template.inputs.flatMap((one) => one.stamps.map((stamp) => stamp.time)))].sort((a, b) => Date.parse(a) - Date.parse(b));
  const read = async (file: File | undefined) => {
    if (!file) return;
    try {
      onFuture(readFuture(await file.text(), names));
      setWrong("");
    } catch (error) {
      setWrong(error instanceof Unfilled ? t(`fill.${error.what}`, { name: error.name, line: error.line }) : t("failed"));
    }
  };
  const given = Object.keys(future);
  return (
    <div className={`notice ${missing.length ? "warn" : "good"}`}>
      <strong>{missing.length ? t("known.missing") : t("known.all")}</strong>
      {missing.map(({ series, n }) => <span key={series}>{t("known.of", { series, n: whole(n) })}</span>)}
      {given.length > 0 && <span>{t("known.given", { series: given.join(", ") })}</span>}
      {wrong && <span className="bad-ink" role="alert">{wrong}</span>}
      <div className="row no-print">
        <button type="button" onClick={() => saveCsv("template.csv", [["time", ...names], ...stamps.map((stamp) => [stamp, ...names.map(() => null)])])}>{t("known.template")}</button>
        <button type="button" onClick={() => pick.current?.click()}>{t("known.choose")}</button>
        {given.length > 0 && <button type="button" className="quiet" onClick={() => onFuture({})}>{t("known.forget")}</button>}
        <input ref={pick} id="future-file" type="file" hidden accept=".csv,.txt,text/csv" onChange={(event) => { void read(event.target.files?.[0]); event.target.value = ""; }} />
      </div>
    </div>
  );
}

/** Rows that came after the upload: they extend a file, corrections replace. */
function NewRows({ onAdded }: { onAdded: () => void }) {
  const { files } = useWorkspace();
  const ready = files.filter((file) => file.status === "ready");
  const [file, setFile] = useState("");
  const pick = useRef<HTMLInputElement>(null);
  const target = file || ready[0]?.id || "";
  const add = useMutation({ mutationFn: async (rows: File) => addRows(target, await rows.text()), onSuccess: onAdded });
  if (!ready.length) return null;
  return (
    <details className="no-print">
      <summary>{t("rows.title")}</summary>
      <div className="stack tight" style={{ paddingTop: 6 }}>
        <p className="soft small">{t("rows.lead")}</p>
        <div className="row">
          <label className="row small">{t("rows.to")} <select value={target} onChange={(event) => setFile(event.target.value)}>{ready.map((one) => <option key={one.id} value={one.id}>{one.fileName}</option>)}</select></label>
          <button type="button" disabled={add.isPending} onClick={() => pick.current?.click()}>{add.isPending ? t("rows.adding") : t("rows.choose")}</button>
          <input ref={pick} id="rows-file" type="file" hidden accept=".csv,.txt,text/csv" onChange={(event) => { const one = event.target.files?.[0]; if (one) add.mutate(one); event.target.value = ""; }} />
        </div>
        {add.data && <p className="good-ink small" role="status">{t("rows.added", { n: whole(add.data.n_new), changed: whole(add.data.n_changed) })}</p>}
        {add.isError && <Trouble error={add.error} />}
      </div>
    </details>
  );
}

const none = <T,>(n: number): (T | null)[] => new Array(n).fill(null);

/** A forecast; beside it the one it is compared with, where it is a scenario. */
function Shown({ forecast, beside, order, onScenario, busy }: { forecast: Forecast; beside: string | null; order: ForecastOrder; onScenario: (future: Future) => void; busy: boolean }) {
  const { session_id: sid } = useWorkspace();
  const plain = useQuery({ queryKey: ["forecasts", sid, beside], queryFn: () => readForecast(sid, beside as string), enabled: !!beside, staleTime: Number.POSITIVE_INFINITY });
  return (
    <section className="card stack" aria-labelledby="shown">
      <div className="row between">
        <h2 id="shown">{beside ? t("shown.scenario", { name: forecast.model }) : t("shown.title", { name: forecast.model })}</h2>
        <button type="button" className="no-print" onClick={() => saveForecast(forecast)}>CSV</button>
      </div>
      <dl className="facts">
        <div><dt>{t("shown.from")}</dt><dd>{moment(Date.parse(forecast.reference_time), forecast.timezone)}</dd></div>
        <div><dt>{t("shown.hours")}</dt><dd>{figure(forecast.horizon_hours)} <small>h</small></dd></div>
        {forecast.outputs.map((output) => { const values = output.values.map((one) => one.value).filter((v): v is number => v !== null); return <div key={output.name}><dt>{t("shown.range", { name: output.name })}</dt><dd>{figure(Math.min(...values), 3)} … {figure(Math.max(...values), 3)}</dd></div>; })}
        {plain.data && <div><dt>{t("shown.difference")}</dt><dd>{signed(meanDifference(forecast, plain.data))}</dd></div>}
      </dl>
      {forecast.outputs.map((output) => <Drawn key={output.name} forecast={forecast} output={output} plain={plain.data?.outputs.find((one) => one.name === output.name)} />)}
      {forecast.filled.length > 0 && <details><summary>{t("shown.filled", { n: forecast.filled.length })}</summary><ul className="small">{forecast.filled.slice(0, 20).map((one) => <li key={one.series + one.time}>{one.series}, {moment(Date.parse(one.time), forecast.timezone)}</li>)}</ul></details>}
      {forecast.levels_unknown.length > 0 && <p className="soft small">{t("shown.levels", { levels: forecast.levels_unknown.map((level) => percent(level / 100, 0)).join(", ") })}</p>}
      {!beside && <Scenario forecast={forecast} order={order} onScenario={onScenario} busy={busy} />}
      <details className="no-print"><summary>{t("forecastPage.asCurl")}</summary><pre className="code" tabIndex={0}>{asProgram(sid, order)}</pre></details>
    </section>
  );
}

const asProgram = (sid: string, { run_id, model }: ForecastOrder) => {
  const body = JSON.stringify({ run_id, model });
  return `curl -X POST ${location.origin}/api/training/forecast/${sid} -H 'content-type: application/json' -d '${body}'

trainyard forecast ${sid} --csv tomorrow.csv

from trainyard import Client
print(Client("${location.origin}").forecast("${sid}").frame())`;
};

const meanDifference = (scenario: Forecast, plain: Forecast | undefined): number | null => {
  const sum = (one: Forecast | undefined) => one?.outputs[0]?.values.reduce((all, step) => all + (step.value ?? 0), 0) ?? 0;
  const base = sum(plain);
  return plain && base ? sum(scenario) / base - 1 : null;
};

function Drawn({ forecast, output, plain }: { forecast: Forecast; output: Forecast["outputs"][number]; plain: Forecast["outputs"][number] | undefined }) {
  const { session_id: sid } = useWorkspace();
  const reference = Date.parse(forecast.reference_time);
  const times = output.values.map((one) => Date.parse(one.time));
  const from = reference - Math.max(72, 2 * forecast.horizon_hours) * 3_600_000;
  const past = useQuery({ queryKey: ["past", sid, output.series_id, from, times.at(-1)], queryFn: () => getSeries(sid, output.series_id, from, times.at(-1), 4000), staleTime: 30_000 });
  const drawn = useMemo(() => {
    const seen = past.data ? past.data.times.map((ms, k) => [ms, past.data.values[k] ?? null] as const) : [];
    const before = seen.filter(([ms]) => ms < (times[0] ?? reference));
    const actual = new Map(seen);
    const n = before.length;
    const after = (list: (number | null)[]) => [...none<number>(n), ...list];
    const came = times.map((ms) => actual.get(ms) ?? null);
    const ends = (k: number, end: "lower" | "upper") => after(output.values.map((one) => one.intervals[k]?.[end] ?? null));
    return {
      x: [...before.map(([ms]) => ms), ...times],
      lines: [
        ...(n ? [{ label: t("line.past"), values: [...before.map(([, value]) => value), ...none<number>(times.length)], stroke: "past", width: 1.5 }] : []),
        ...(came.some((value) => value !== null) ? [{ label: t("line.actual"), values: after(came), stroke: "actual", width: 1.8 }] : []),
        ...(plain ? [{ label: t("line.plain"), values: after(plain.values.map((one) => one.value)), stroke: "c1", width: 1.6, dash: [3, 4] }] : []),
        { label: t(plain ? "line.scenario" : "line.forecast"), values: after(output.values.map((one) => one.value)), stroke: "forecast", width: 2.2 },
      ],
      bands: (output.values[0]?.intervals ?? []).map((one, k) => ({ level: one.level, k })).reverse().filter(({ k }) => output.values.some((one) => one.intervals[k]?.lower != null)).map(({ level, k }, at) => ({ label: percent(level / 100, 0), lower: ends(k, "lower"), upper: ends(k, "upper"), alpha: 0.1 + 0.07 * at })),
    };
    // biome-ignore lint: times and the reference follow the forecast
  }, [past.data, output, plain]);
  return (
    <div>
      <strong>{output.name}</strong>
      <Suspense fallback={<div style={{ minHeight: 400 }}><Loading /></div>}>
        <TimeChart {...drawn} now={reference} zone={forecast.timezone} height={340} name={`forecast-${output.name}`} summary={t("shown.summary", { name: output.name, model: forecast.model, from: moment(times[0] ?? reference, forecast.timezone), to: moment(times.at(-1) ?? reference, forecast.timezone) })} sync="tomorrow" unit={forecast.timezone} />
      </Suspense>
    </div>
  );
}

/** The same forecast with an input that is known in advance moved by an amount or a share. */
function Scenario({ forecast, order, onScenario, busy }: { forecast: Forecast; order: ForecastOrder; onScenario: (future: Future) => void; busy: boolean }) {
  const { session_id: sid, files } = useWorkspace();
  const template = useQuery({ queryKey: ["template", sid, order.run_id, order.model], queryFn: () => getTemplate(sid, order.model ?? "best", order.run_id), staleTime: 30_000 });
  const [name, setName] = useState("");
  const [by, setBy] = useState("");
  const [how, setHow] = useState<"add" | "percent">("add");
  const inputs = template.data?.inputs ?? [];
  const input = inputs.find((one) => one.series === name) ?? inputs[0];
  const series = files.flatMap((file) => file.series).find((one) => one.name === input?.series);
  const change = typed(by);
  const tell = useMutation({
    mutationFn: async () => {
      if (!input) return;
      const stamps = input.stamps.map((stamp) => stamp.time);
      const at = stamps.map((stamp) => Date.parse(stamp));
      const rows = series ? await getSeries(sid, series.seriesId, Math.min(...at), Math.max(...at), 4000) : null;
      const known = new Map(rows?.times.map((ms, k) => [ms, rows.values[k]] as const));
      const given = forecast.future[input.series] ?? {};
      const future: Record<string, number> = {};
      for (const [k, stamp] of stamps.entries()) {
        const value = given[stamp] ?? known.get(at[k] as number);
        if (value != null) future[stamp] = how === "add" ? value + change : value * (1 + change / 100);
      }
      onScenario({ [input.series]: future });
    },
  });
  if (!input) return null;
  return (
    <details className="no-print">
      <summary>{t("scenario.title")}</summary>
      <div className="row" style={{ paddingTop: 6 }}>
        <label className="row small">{t("scenario.change")} <select value={input.series} onChange={(event) => setName(event.target.value)}>{inputs.map((one) => <option key={one.series}>{one.series}</option>)}</select></label>
        <label className="row small">{t("scenario.by")} <input className="number" inputMode="decimal" style={{ width: "5.2em" }} value={by} placeholder="2" aria-invalid={by !== "" && !Number.isFinite(change)} onChange={(event) => setBy(event.target.value)} /></label>
        <select aria-label={t("scenario.unit")} value={how} onChange={(event) => setHow(event.target.value as "add")}><option value="add">{t("scenario.units")}</option><option value="percent">%</option></select>
        <button type="button" disabled={busy || tell.isPending || by === "" || !Number.isFinite(change)} onClick={() => tell.mutate()}>{t("scenario.make")}</button>
      </div>
      {tell.isError && <Trouble error={tell.error} />}
    </details>
  );
}

function Earlier({ list, count, shown, onOpen }: { list: { forecast_id: string; model: string; reference_time: string; last_time: string; created_at: string; parent_id: string | null; n_scored: number; scores: Record<string, unknown> }[]; count: number; shown: string; onOpen: (id: string) => void }) {
  return (
    <section className="card flush" aria-labelledby="earlier">
      <div className="card-head"><h2 id="earlier">{t("earlier.title")}</h2><span className="count">{whole(count)}</span></div>
      <div className="scroll">
        <table>
          <thead><tr><th scope="col">{t("earlier.made")}</th><th scope="col">{t("col.model")}</th><th scope="col">{t("col.span")}</th><th scope="col" className="num">{t("earlier.mae")}</th></tr></thead>
          <tbody>{list.map((one) => (
            <tr key={one.forecast_id} className={one.forecast_id === shown ? "best" : ""}>
              <th scope="row" className="nowrap"><button type="button" className="quiet" aria-current={one.forecast_id === shown} onClick={() => onOpen(one.forecast_id)}>{when(one.created_at)}</button></th>
              <td>{one.model}{one.parent_id && <span className="badge" style={{ marginLeft: 8 }}>{t("earlier.scenario")}</span>}</td>
              <td className="nowrap soft">{when(one.reference_time)} – {when(one.last_time)}</td>
              <td className="num">{typeof one.scores.mae === "number" ? figure(one.scores.mae, 3) : <span className="soft small">{t("earlier.waiting")}</span>}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
    </section>
  );
}

function saveForecast(forecast: Forecast): void {
  const levels = forecast.levels;
  const heads = ["time", "series", "value", ...levels.flatMap((level) => [`lower_${level}`, `upper_${level}`])];
  const rows = forecast.outputs.flatMap((output) => output.values.map((one) => [one.time, output.name, one.value, ...one.intervals.flatMap((interval) => [interval.lower, interval.upper])]));
  saveCsv(`forecast-${forecast.forecast_id.slice(0, 8)}.csv`, [heads, ...rows]);
}
