// One model: forecasts of any day, where it errs, what matters to it, how it was fitted, its files.
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link, useParams, useSearchParams } from "react-router";

import { getHistory, getImportance, getResults } from "../api";
import { call } from "../client";
import { ForecastChart } from "../charts/ForecastChart";
import { Bars, HeatMap, Histogram } from "../charts/small";
import { type Key, known, t, useLanguage } from "../i18n";
import { type Fact, factsOf } from "../ui/facts";
import { bytes, duration, figure, percent, signed, whole } from "../ui/format";
import { Head, Loading, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";

const TimeChart = lazy(() => import("../charts/TimeChart"));
const VIEWS = ["forecast", "errors", "inputs", "training", "files"] as const;

export default function Model() {
  useLanguage();
  const { rid = "", jid = "" } = useParams();
  const { session_id: sid, runs } = useWorkspace();
  const [params, setParams] = useSearchParams();
  const view = VIEWS.find((name) => name === params.get("view")) ?? "forecast";
  const tabs = useRef<HTMLDivElement>(null);
  const results = useQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid) });
  const there = results.data !== undefined;
  useEffect(() => { tabs.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "center" }); }, [view, there]);
  if (results.isError) return <><Head title={t("notThere")} /><Trouble error={results.error} /></>;
  if (!results.data) return <Loading />;
  const model = results.data.models.find((one) => one.job_id === jid);
  const row = results.data.leaderboard.rows?.find((one) => one.job_id === jid);
  const metric = results.data.leaderboard.metric ?? "rmse";
  const number = runs.find((run) => run.run_id === rid)?.number ?? "";
  if (!model) return <div className="card empty"><h2>{t("notThere")}</h2></div>;
  const turn = (name: string) => setParams((before) => { const next = new URLSearchParams(before); next.set("view", name); return next; }, { replace: true });
  return (
    <>
      <Head title={model.label} lead={<><Link to={`/s/${sid}/runs/${rid}`}>{t("runs.run")} {number}</Link> · {t(`model.${model.kind}` as Key)}</>}>
        <select aria-label={t("model.other")} value={jid} onChange={(event) => { location.assign(`/s/${sid}/runs/${rid}/models/${event.target.value}?${params}`); }}>{(results.data.leaderboard.rows ?? []).map((one) => <option key={one.job_id} value={one.job_id}>{one.label}</option>)}</select>
      </Head>
      {row && (
        <dl className="facts card" style={{ marginBottom: 16 }}>
          <div><dt>{t("col.rank")}</dt><dd>{row.rank ?? "–"}</dd></div>
          <div><dt>{metric.toUpperCase()} {t("part.validation")}</dt><dd>{figure(row.validation[metric])}</dd></div>
          <div><dt>{metric.toUpperCase()} {t("part.test")}</dt><dd>{figure(row.test[metric])}</dd></div>
          <div><dt>MAE</dt><dd>{figure(row.test.mae)}</dd></div>
          <div><dt>{t("col.skill")}</dt><dd>{signed(row.skill)}</dd></div>
          <div><dt>{t("col.time")}</dt><dd>{duration(model.seconds)}</dd></div>
        </dl>
      )}
      <Tabs className="tabs" selectedKey={view} onSelectionChange={(key) => turn(String(key))}>
        <TabList ref={tabs} aria-label={t("model.views")}>{VIEWS.map((name) => <Tab key={name} id={name}>{t(`view.${name}`)}</Tab>)}</TabList>
        <TabPanel id="forecast"><section className="card"><ForecastChart sid={sid} rid={rid} jid={jid} height={380} /></section></TabPanel>
        <TabPanel id="errors"><Errors rid={rid} label={model.label} report={results.data.report} /></TabPanel>
        <TabPanel id="inputs"><Inputs rid={rid} jid={jid} baseline={model.baseline} /></TabPanel>
        <TabPanel id="training"><Training rid={rid} jid={jid} model={model} /></TabPanel>
        <TabPanel id="files"><Files rid={rid} jid={jid} /></TabPanel>
      </Tabs>
    </>
  );
}

interface Plots { plots: Record<string, { link: string; job_id: string | null; label: string }> }
interface ByHour { timezone: string; outputs: { output: string; mae: (number | null)[][] }[] }
interface Residuals { outputs: { output: string; n: number; bias: number; standard_deviation: number; quantiles: Record<string, number>; bin_edges: number[]; counts: number[] }[] }
interface ByStep { metric: string; outputs: { output: string; hours: number[]; curves: Record<string, (number | null)[]> }[] }

const usePlots = (rid: string, ready: boolean) => {
  const { session_id: sid } = useWorkspace();
  return useQuery({ queryKey: ["run", rid, "plots"], enabled: ready, queryFn: () => call<Plots>("GET", `/visualizations/${sid}?run_id=${rid}&inline=false`) });
};

/** The numbers of one picture of the report. */
function usePlot<T>(link: string | undefined) {
  return useQuery({ queryKey: ["plot", link], enabled: link !== undefined, staleTime: Number.POSITIVE_INFINITY, queryFn: () => call<T>("GET", `${(link as string).replace("/api/training", "")}?format=json`) });
}

/** A model's label as the report's names have it. */
const slug = (label: string) => label.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "model";

function Errors({ rid, label, report }: { rid: string; label: string; report: string }) {
  const ready = report === "ready";
  const plots = usePlots(rid, ready);
  const all = Object.values(plots.data?.plots ?? {});
  const own = (kind: string) => all.find((plot) => plot.label.replace(/^\d+-/, "") === `${slug(label)}/${kind}`)?.link;
  const hours = usePlot<ByHour>(own("error_by_hour"));
  const residuals = usePlot<Residuals>(own("residuals"));
  const steps = usePlot<ByStep>(all.find((plot) => plot.label === "error_by_step")?.link);
  const days = useMemo(() => [1, 2, 3, 4, 5, 6, 7].map((d) => new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, d))), []);
  if (plots.isError) return <Trouble error={plots.error} />;
  if (report === "failed") return <div className="notice">{t("errors.failed")}</div>;
  if (!ready || (plots.data && !all.length)) return <div className="notice">{t("errors.writing")}</div>;
  return (
    <div className="stack">
      {steps.data?.outputs.map((output) => {
        const names = Object.keys(output.curves).filter((name) => name === label || name === "Seasonal naive");
        return (
          <section key={output.output} className="card"><h2>{t("errors.byStep", { name: output.output })}</h2>
            <Suspense fallback={<Loading />}><TimeChart x={output.hours} numeric height={240} name="error-by-step" xLabel={t("errors.hoursAhead")} unit={t("errors.hoursAhead")} lines={names.map((name) => ({ label: name, values: output.curves[name] ?? [], stroke: name === label ? "forecast" : "past", ...(name === label ? {} : { dash: [5, 4] }) }))} summary={t("errors.byStepSummary", { name: label, first: figure(output.curves[label]?.[0]), last: figure(output.curves[label]?.at(-1)) })} /></Suspense>
          </section>
        );
      })}
      <div className="halves">
        {hours.data?.outputs.map((output) => <section key={output.output} className="card"><h2>{t("errors.byHour", { name: output.output })}</h2><HeatMap values={output.mae} days={days} label={t("errors.byHourSummary", { low: figure(Math.min(...output.mae.flat().filter((v): v is number => v !== null))), high: figure(Math.max(...output.mae.flat().filter((v): v is number => v !== null))) })} /><p className="soft small">{t("errors.heatHint", { zone: hours.data.timezone })}</p></section>)}
        {residuals.data?.outputs.map((output) => <section key={output.output} className="card"><h2>{t("errors.histogram", { name: output.output })}</h2><Histogram edges={output.bin_edges} counts={output.counts} label={t("errors.histogramSummary", { bias: figure(output.bias), sd: figure(output.standard_deviation) })} /><p className="soft small">{t("errors.histogramHint", { bias: figure(output.bias, 3), sd: figure(output.standard_deviation, 3), low: figure(output.quantiles["0.05"], 3), high: figure(output.quantiles["0.95"], 3) })}</p></section>)}
      </div>
    </div>
  );
}

function Inputs({ rid, jid, baseline }: { rid: string; jid: string; baseline: boolean }) {
  const { session_id: sid } = useWorkspace();
  const asked = useQuery({ queryKey: ["importance", rid, jid], queryFn: () => getImportance(sid, rid, jid), staleTime: Number.POSITIVE_INFINITY, retry: false });
  if (asked.isError) return baseline ? <div className="notice">{t("inputs.baseline")}</div> : <Trouble error={asked.error} again={() => void asked.refetch()} />;
  if (!asked.data) return <Loading what={t("inputs.measuring")} />;
  return (
    <section className="card"><h2>{t("inputs.title")}</h2>
      <Bars label={t("inputs.title")} rows={asked.data.inputs.map((input) => ({ name: input.name, note: t(input.source === "calendar" ? "inputs.calendar" : "inputs.series"), value: Math.max(0, input.rise ?? 0), said: `${signed(input.relative)}${input.deviation != null && asked.data.loss ? ` ± ${percent(input.deviation / asked.data.loss, 1)}` : ""}` }))} />
      <p className="soft small" style={{ marginTop: 10 }}>{t("inputs.hint", { n: whole(asked.data.n_windows), repeats: asked.data.n_repeats, part: t(`part.${asked.data.part as "validation"}`) })}</p>
    </section>
  );
}

function Training({ rid, jid, model }: { rid: string; jid: string; model: { parameters: Record<string, unknown>; notes: Record<string, unknown> } }) {
  const { session_id: sid } = useWorkspace();
  const asked = useQuery({ queryKey: ["history", rid, false], queryFn: () => getHistory(sid, rid), staleTime: Number.POSITIVE_INFINITY });
  const curve = asked.data?.curves.find((one) => one.job_id === jid);
  return (
    <div className="two">
      <section className="card"><h2>{t("loss.title")}</h2>
        {curve ? <Suspense fallback={<Loading />}><TimeChart x={curve.epochs} numeric logarithmic height={260} name="loss" xLabel={t("loss.epoch")} unit={t("loss.unit")} lines={[{ label: t("loss.train"), values: curve.loss, stroke: "c1", dash: [5, 4] }, { label: t("loss.validation"), values: curve.val_loss, stroke: "c0" }]} summary={t("loss.summary", { n: 2, epochs: curve.epochs.length })} /></Suspense> : <p className="soft">{t("loss.never")}</p>}
      </section>
      <section className="card flush"><div className="card-head"><h2>{t("model.facts")}</h2></div>
        <div className="scroll" tabIndex={0} role="region" aria-label={t("model.facts")}><table>
          <FactRows title={t("facts.asked")} facts={factsOf(model.parameters)} />
          <FactRows title={t("facts.found")} facts={factsOf(model.notes)} />
        </table></div>
      </section>
    </div>
  );
}

const nameOf = (name: string): string => (known(`fact.${name}`) ? t(`fact.${name}` as Key) : known(`param.${name}`) ? t(`param.${name}` as Key) : name.replaceAll("_", " "));

const saidOf = ({ path, value }: Fact): string => {
  if (value === null) return path.at(-1) === "max_depth" ? t("fact.none") : t("fact.chosen");
  if (typeof value === "boolean") return t(value ? "fact.yes" : "fact.no");
  return typeof value === "number" ? figure(value, 5) : value;
};

function FactRows({ title, facts }: { title: string; facts: Fact[] }) {
  if (!facts.length) return null;
  return (
    <tbody>
      <tr><th colSpan={2} scope="rowgroup" className="soft small">{title}</th></tr>
      {facts.map((fact) => <tr key={fact.path.join("/")}><th scope="row">{fact.path.map(nameOf).join(" · ")}</th><td style={{ overflowWrap: "anywhere" }}>{saidOf(fact)}</td></tr>)}
    </tbody>
  );
}

interface StoredFile { filename: string; job_id: string; format: string; size: number; sha256: string }

function Files({ rid, jid }: { rid: string; jid: string }) {
  const { session_id: sid } = useWorkspace();
  const asked = useQuery({ queryKey: ["run", rid, "files"], queryFn: () => call<{ data: { models: StoredFile[] } }>("GET", `/list-models-database/${sid}?run_id=${rid}`) });
  if (asked.isError) return <Trouble error={asked.error} />;
  if (!asked.data) return <Loading />;
  const own = asked.data.data.models.filter((file) => file.job_id === jid);
  return (
    <section className="card flush">
      <div className="card-head"><h2>{t("files.model")}</h2></div>
      <div className="scroll"><table>
        <thead><tr><th scope="col">{t("col.format")}</th><th scope="col">{t("col.file")}</th><th scope="col" className="num">{t("col.size")}</th><th scope="col">SHA-256</th></tr></thead>
        <tbody>{own.map((file) => <tr key={file.filename}><th scope="row"><a href={`/api/training/download-model-h5/${sid}?run_id=${rid}&filename=${encodeURIComponent(file.filename)}`}>{file.format.toUpperCase()}</a></th><td>{file.filename}</td><td className="num">{bytes(file.size)}</td><td><code className="soft">{file.sha256.slice(0, 16)}…</code></td></tr>)}</tbody>
      </table></div>
      <p className="soft small" style={{ padding: "8px 18px 14px" }}>{t("files.modelHint")}</p>
    </section>
  );
}
