// What shall be forecast and with what; beside it, what that would be, and what keeps a run from being worth its time.
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";

import { getPreview, keepDraft, type Preview, type SeriesInfo, startRun } from "../api";
import { SplitBar, ViolinShape } from "../charts/small";
import { useDraft } from "../draft";
import { type Key, t, useLanguage } from "../i18n";
import { allSeries, BLOCKING, DEFAULTS, type Draft, MODELS, modelsOf, obstacles, specOf, stepMinutes, zoneOf } from "../spec";
import { figure, step, typed, whole } from "../ui/format";
import { explain, Head, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";
import { COUNTRIES, SUBDIVISIONS } from "./countries";
import { Zones } from "./Zones";

type Change = (more: Partial<Draft>) => void;

export default function Setup() {
  useLanguage();
  const workspace = useWorkspace();
  const { session_id: sid, files, runs } = workspace;
  const go = useNavigate();
  const [draft, change] = useDraft(workspace);
  const spec = useMemo(() => specOf(draft, files), [draft, files]);
  const asked = useSettled(spec);
  const preview = useQuery({
    queryKey: ["preview", sid, JSON.stringify(asked)],
    queryFn: () => getPreview(sid, asked as NonNullable<typeof asked>),
    enabled: asked !== null,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const busy = preview.isFetching || JSON.stringify(asked) !== JSON.stringify(spec);
  const stops = obstacles(draft, preview.isError ? undefined : preview.data, preview.isError);
  const live = runs.find((run) => run.status === "queued" || run.status === "running");
  const started = useMutation({
    mutationFn: async () => {
      await keepDraft(sid, draft as unknown as Record<string, unknown>);
      return startRun(sid, { dataset: spec, models: modelsOf(draft), metric: draft.metric, ensemble: draft.ensemble });
    },
    onSuccess: ({ run_id }) => go(`/s/${sid}/runs/${run_id}`),
  });
  if (!allSeries(files).length) {
    return <><Head title={t("setup.title")} /><div className="card empty"><h2>{t("setup.noData")}</h2><p>{t("setup.noDataLead")}</p><Link className="button primary" to={`/s/${sid}/data`}>{t("setup.toData")}</Link></div></>;
  }
  const n = modelsOf(draft).length;
  return (
    <>
      <Head title={t("setup.title")} lead={t("setup.lead")} />
      <div className="two">
        <form className="stack" onSubmit={(event) => event.preventDefault()} aria-label={t("setup.title")}>
          <Horizon draft={draft} change={change} />
          <CalendarPart draft={draft} change={change} />
          <Models draft={draft} change={change} />
          <SplitPart draft={draft} change={change} />
        </form>
        <aside className="stack sticky" aria-label={t("preview.title")}>
          <section className="card stack" aria-busy={busy}>
            <div className="row between"><h2>{t("preview.title")}</h2>{busy && <span className="soft small" role="status">{t("preview.busy")}</span>}</div>
            {preview.isError ? <Trouble error={preview.error} /> : preview.data ? <PreviewPart preview={preview.data} zone={zoneOf(draft, files)} draft={draft} change={change} /> : spec ? <p className="soft">{t("loading")}</p> : <p className="soft">{t("preview.nothing")}</p>}
            <div className="stack tight">
              {stops.filter((one) => one !== "noPreview").map((one) => <p key={one} className="bad-ink small" id={`stop-${one}`}>{t(`stop.${one}` as Key)}</p>)}
              {live && <p className="warn-ink small">{t("stop.live")} <Link to={`/s/${sid}/runs/${live.run_id}`}>{t("stop.toLive")}</Link></p>}
              <button type="button" className="primary" disabled={stops.length > 0 || !!live || started.isPending || busy} aria-describedby={stops.map((one) => `stop-${one}`).join(" ")} onClick={() => started.mutate()}>
                {n === 1 ? t("setup.trainOne") : t("setup.train", { n })}
              </button>
            </div>
            {started.isError && <Trouble error={started.error} />}
          </section>
          {preview.data && preview.data.violins.length > 0 && (
            <details className="card">
              <summary>{t("preview.violins")}</summary>
              <div className="violins" style={{ marginTop: 12 }}>{preview.data.violins.filter((violin) => !/(_(sin|cos)|^holiday)$/.test(violin.label)).map((violin) => <ViolinShape key={violin.role + violin.label} violin={violin} />)}</div>
            </details>
          )}
        </aside>
      </div>
    </>
  );
}

/** The same value once it has rested for a moment: what is typed is not asked for letter by letter. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  // biome-ignore lint: equal values are the same value
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 350);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function Figure({ label, value, unit, onChange, hint, width = "5.2em", zero = false }: { zero?: boolean; label: string; value: number; unit: string; onChange: (value: number) => void; hint?: string | undefined; width?: string }) {
  const [text, setText] = useState(figure(value, 6).replace(/[\s  ]/g, ""));
  const good = (given: number) => given > 0 || (zero && given === 0);
  const wrong = text.trim() === "" || !good(typed(text));
  // biome-ignore lint: what somebody types stays as typed
  useEffect(() => { if (typed(text) !== value) setText(String(value)); }, [value]);
  return (
    <label className="field">
      {label}
      <span className="unit"><input className="number" inputMode="decimal" style={{ width }} value={text} aria-invalid={wrong} onChange={(event) => { setText(event.target.value); const given = typed(event.target.value); if (event.target.value.trim() && good(given)) onChange(given); }} />{unit}</span>
      {hint && <span className="hint small">{hint}</span>}
    </label>
  );
}

function Part({ title, lead, children }: { title: string; lead?: string; children: ReactNode }) {
  return <fieldset className="card"><legend className="visually-hidden">{title}</legend><h2 aria-hidden="true">{title}</h2>{lead && <p className="soft small" style={{ margin: "-8px 0 12px" }}>{lead}</p>}{children}</fieldset>;
}

function Horizon({ draft, change }: { draft: Draft; change: Change }) {
  const { files, session_id: sid } = useWorkspace();
  const series = allSeries(files);
  const target = series.find((one) => one.seriesId === draft.targets[0]);
  const minutes = target ? stepMinutes(target) : 60;
  const named = (chosen: (one: SeriesInfo) => boolean) => series.filter(chosen).map((one) => one.name).join(", ");
  const past = named((one) => draft.uses[one.seriesId] === "past");
  const coming = named((one) => ["future", "futureOnly"].includes(draft.uses[one.seriesId] ?? ""));
  const week = named((one) => draft.weekBefore.includes(one.seriesId) && draft.uses[one.seriesId] !== "none");
  const steps = (hours: number) => t("setup.steps", { n: whole(Math.max(1, Math.round((hours * 60) / minutes))), step: step(minutes) });
  return (
    <Part title={t("setup.what")}>
      <p style={{ marginBottom: 14 }}>
        {t("setup.forecasting")} <strong>{named((one) => draft.targets.includes(one.seriesId)) || "–"}</strong>
        {past && <> {t("setup.fromPast")} <strong>{past}</strong></>}
        {coming && <> {t("setup.withComing")} <strong>{coming}</strong></>}
        {week && <>; {t("setup.withWeek")} <strong>{week}</strong></>}. <Link to={`/s/${sid}/data`}>{t("setup.changeSeries")}</Link>
      </p>
      <div className="row top-aligned" style={{ gap: "14px 26px" }}>
        <Figure label={t("setup.ahead")} value={draft.horizonHours} unit="h" onChange={(horizonHours) => change({ horizonHours })} hint={steps(draft.horizonHours)} />
        <Figure label={t("setup.back")} value={draft.lookbackHours} unit="h" onChange={(lookbackHours) => change({ lookbackHours })} hint={steps(draft.lookbackHours)} />
        <Figure label={t("setup.every")} value={draft.strideMinutes ?? minutes} unit="min" onChange={(given) => change({ strideMinutes: given === minutes ? null : given })} hint={t("setup.everyHint", { step: step(minutes) })} />
      </div>
    </Part>
  );
}

function CalendarPart({ draft, change }: { draft: Draft; change: Change }) {
  const { files } = useWorkspace();
  const { calendar, holidays } = draft;
  const within = SUBDIVISIONS[holidays.country] ?? (holidays.subdivision ? { [holidays.subdivision]: holidays.subdivision } : {});
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "region" });
  return (
    <Part title={t("setup.calendar")} lead={t("setup.calendarLead")}>
      <div className="stack">
        <div className="chips">
          {(["day", "week", "year"] as const).map((name) => (
            <label key={name} className="check chip"><input type="checkbox" checked={calendar[name]} onChange={(event) => change({ calendar: { ...calendar, [name]: event.target.checked } })} /> {t(`calendar.${name}`)}</label>
          ))}
          <label className="check chip"><input type="checkbox" checked={holidays.on} onChange={(event) => change({ holidays: { ...holidays, on: event.target.checked } })} /> {t("calendar.holidays")}</label>
        </div>
        <div className="row" style={{ gap: "10px 20px" }}>
          <label className="field">{t("setup.zone")}<Zones value={zoneOf(draft, files)} onChange={(zone) => change({ zone })} label={t("setup.zone")} /></label>
          {holidays.on && (
            <>
              <label className="field">{t("setup.country")}<select value={holidays.country} onChange={(event) => change({ holidays: { ...holidays, country: event.target.value, subdivision: "" } })}>{COUNTRIES.map((code) => <option key={code} value={code}>{names.of(code)}</option>)}</select></label>
              {Object.keys(within).length > 0 && <label className="field">{t("setup.state")}<select value={holidays.subdivision} onChange={(event) => change({ holidays: { ...holidays, subdivision: event.target.value } })}><option value="">{t("setup.wholeCountry")}</option>{Object.entries(within).map(([code, name]) => <option key={code} value={code}>{name}</option>)}</select></label>}
            </>
          )}
        </div>
      </div>
    </Part>
  );
}

function Models({ draft, change }: { draft: Draft; change: Change }) {
  const set = (kind: string, more: Partial<Draft["models"][string]>) => change({ models: { ...draft.models, [kind]: { ...(draft.models[kind] ?? { on: false, params: {} }), ...more } } });
  return (
    <Part title={t("setup.models")} lead={t("setup.modelsLead")}>
      <ul>
        {MODELS.map((kind) => {
          const choice = draft.models[kind] ?? { on: false, params: {} };
          return (
            <li key={kind} style={{ borderTop: "1px solid var(--line)", padding: "8px 0" }}>
              <label className="check"><input type="checkbox" checked={choice.on} onChange={(event) => set(kind, { on: event.target.checked })} /> <strong>{t(`model.${kind}` as Key)}</strong> <span className="soft small hide-small">{t(`model.${kind}.about` as Key)}</span></label>
              {choice.on && Object.keys(DEFAULTS[kind] ?? {}).length > 0 && <details style={{ paddingLeft: 26 }}><summary className="small">{t("setup.parameters")}{Number(choice.params.tune) > 0 && <span className="badge" style={{ marginLeft: 8 }}>{t("tune.badge", { n: Number(choice.params.tune) })}</span>}</summary><Parameters kind={kind} params={choice.params} onChange={(params) => set(kind, { params })} /></details>}
            </li>
          );
        })}
      </ul>
      <div className="row" style={{ marginTop: 10, gap: "8px 22px" }}>
        <label className="check"><input type="checkbox" checked={draft.ensemble} onChange={(event) => change({ ensemble: event.target.checked })} /> {t("setup.ensemble")}</label>
        <label className="row small">{t("setup.metric")} <select value={draft.metric} onChange={(event) => change({ metric: event.target.value })}>{["rmse", "mae", "wape", "mase", "smape", "r2"].map((name) => <option key={name} value={name}>{name.toUpperCase()}</option>)}</select></label>
      </div>
    </Part>
  );
}

const CHOICES: Record<string, readonly string[]> = { activation: ["relu", "tanh", "sigmoid", "linear"], kernel: ["rbf", "linear", "poly", "sigmoid"] };

const ZERO: readonly string[] = ["seed", "patience", "epsilon"]; // may be 0

function Parameters({ kind, params, onChange }: { kind: string; params: Record<string, unknown>; onChange: (params: Record<string, unknown>) => void }) {
  const set = (name: string, value: unknown) => onChange({ ...params, [name]: value });
  const trials = Number(params.tune ?? 0);
  return (
    <div className="row top-aligned" style={{ gap: "10px 18px", padding: "6px 0 4px" }}>
      {Object.entries(DEFAULTS[kind] ?? {}).map(([name, usual]) => {
        const value = params[name] ?? usual;
        const label = t(`param.${name}` as Key);
        if (typeof usual === "boolean") return <label key={name} className="check small" style={{ alignSelf: "end" }}><input type="checkbox" checked={Boolean(value)} onChange={(event) => set(name, event.target.checked)} /> {label}</label>;
        if (CHOICES[name]) return <label key={name} className="field small">{label}<select value={String(value)} onChange={(event) => set(name, event.target.value)}>{CHOICES[name].map((one) => <option key={one}>{one}</option>)}</select></label>;
        if (Array.isArray(usual)) return <Listed key={name} label={label} value={value as number[]} onChange={(list) => set(name, list)} />;
        return <Figure key={name} label={label} value={Number(value)} unit="" width="5em" zero={ZERO.includes(name)} onChange={(given) => set(name, given)} />;
      })}
      <div className="row" style={{ flexBasis: "100%" }}>
        <label className="check small"><input type="checkbox" checked={trials > 0} onChange={(event) => set("tune", event.target.checked ? 20 : 0)} /> {t("tune.on")}</label>
        {trials > 0 && <label className="row small">{t("tune.trials")} <input type="number" className="number" min={1} max={200} step={1} style={{ width: "5.5em" }} value={trials} onChange={(event) => { const given = Math.round(event.target.valueAsNumber); if (given >= 1 && given <= 200) set("tune", given); }} /></label>}
        <span className="soft small">{t("tune.hint")}</span>
      </div>
    </div>
  );
}

function Listed({ label, value, onChange }: { label: string; value: number[]; onChange: (value: number[]) => void }) {
  const [text, setText] = useState(value.join(", "));
  const read = (said: string) => said.split(/[,; ]+/).filter(Boolean).map(Number);
  const good = (list: number[]) => list.length > 0 && list.every((n) => Number.isInteger(n) && n > 0);
  return <label className="field small">{label}<input className="number" value={text} aria-invalid={!good(read(text))} onChange={(event) => { setText(event.target.value); const list = read(event.target.value); if (good(list)) onChange(list); }} /></label>;
}

const SPLITS: readonly [number, number, number][] = [[70, 20, 10], [60, 20, 20], [80, 10, 10], [70, 15, 15]];

function SplitPart({ draft, change }: { draft: Draft; change: Change }) {
  const { train, validation, test } = draft.split;
  const text = `${train} / ${validation} / ${test}`;
  return (
    <Part title={t("setup.split")} lead={t("setup.splitLead")}>
      <label className="row small"><span className="visually-hidden">{t("setup.split")}</span>
        <select value={text} aria-label={t("setup.split")} onChange={(event) => { const [a = 70, b = 20, c = 10] = event.target.value.split(" / ").map(Number); change({ split: { train: a, validation: b, test: c } }); }}>
          {[...SPLITS.map((one) => one.join(" / ")), ...(SPLITS.some((one) => one.join(" / ") === text) ? [] : [text])].map((one) => <option key={one}>{one}</option>)}
        </select>
        <span className="soft">{t("setup.splitHint")}</span>
      </label>
    </Part>
  );
}

function PreviewPart({ preview, zone, draft, change }: { preview: Preview; zone: string; draft: Draft; change: Change }) {
  const blocking = preview.findings.filter((finding) => BLOCKING.includes(finding.code));
  const others = preview.findings.filter((finding) => !BLOCKING.includes(finding.code) && finding.code !== "SAMPLES_DROPPED");
  const leaks = blocking.some((finding) => finding.code !== "EMPTY_PART");
  const emptied = preview.n_test === 0 || preview.n_validation === 0;
  const accept = (code: string, on: boolean) => change({ accepted: on ? [...draft.accepted, code] : draft.accepted.filter((one) => one !== code) });
  return (
    <>
      <dl className="facts">
        <div><dt>{t("preview.windows")}</dt><dd>{whole(preview.n_windows)}</dd></div>
        {(["train", "validation", "test"] as const).map((part) => <div key={part}><dt>{t(`part.${part}`)}</dt><dd>{whole(preview[`n_${part}`])}</dd></div>)}
      </dl>
      <SplitBar parts={preview.parts} zone={zone} />
      <ul className="checks">
        {!leaks && <li><span className="mark good-ink" aria-hidden="true">✓</span><span>{t("check.noLeak")}</span></li>}
        {!emptied && <li><span className="mark good-ink" aria-hidden="true">✓</span><span>{t("check.parts")}</span></li>}
        {blocking.map((finding) => {
          const { message, suggestions } = explain(finding);
          return (
            <li key={finding.code + finding.message}>
              <span className="mark bad-ink" aria-hidden="true">✕</span>
              <span>{message} {suggestions.map((text) => <span key={text} className="soft">{text} </span>)}
                <label className="check small"><input type="checkbox" checked={draft.accepted.includes(finding.code)} onChange={(event) => accept(finding.code, event.target.checked)} /> {t("check.accept")}</label>
              </span>
            </li>
          );
        })}
        <Dropped preview={preview} />
        {others.map((finding) => <li key={finding.code + finding.message}><span className="mark warn-ink" aria-hidden="true">!</span><span>{explain(finding).message}</span></li>)}
      </ul>
    </>
  );
}

interface Drop { series: string; role: string; reason: "before_start" | "after_end" | "missing_value" | "gap"; n: number }

function Dropped({ preview }: { preview: Preview }) {
  const { n_candidates = 0, drops = [] } = preview.dropped as { n_candidates?: number; drops?: Drop[] };
  const lost = n_candidates - preview.n_windows;
  if (lost <= 0) return null;
  const holes = drops.filter((drop) => drop.reason === "gap" || drop.reason === "missing_value");
  return (
    <li>
      <span className={`mark ${holes.length ? "warn-ink" : "good-ink"}`} aria-hidden="true">{holes.length ? "!" : "✓"}</span>
      <span>{t("check.dropped", { n: whole(lost), all: whole(n_candidates) })}
        <details><summary className="small">{t("check.why")}</summary>
          <ul className="small" style={{ paddingLeft: 4 }}>{[...drops].sort((a, b) => b.n - a.n).map((drop) => <li key={drop.series + drop.role + drop.reason}>{t("check.drop", { n: whole(drop.n), series: drop.series, role: t(drop.role === "input" ? "role.in" : "role.out"), reason: t(`drop.${drop.reason}`) })}</li>)}</ul>
        </details>
      </span>
    </li>
  );
}
