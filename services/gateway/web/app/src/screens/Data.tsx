// Files and series: what came, what was found in it, what it is used for.
import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "react-router";

import { answerFile, type FileInfo, getSeries, type Quality, removeFile, type SeriesInfo } from "../api";
import { useDraft } from "../draft";
import { type Key, t, useLanguage } from "../i18n";
import { allSeries, stepMinutes, type Use, weekFits, zoneRead } from "../spec";
import { bytes, day, figure, percent, step, whole } from "../ui/format";
import { Asking, explain, Head, Loading, Trouble } from "../ui/parts";
import { type Sending, uploads, useUploads } from "../uploads";
import { useWorkspace } from "../workspace";
import { Zones } from "./Zones";

const TimeChart = lazy(() => import("../charts/TimeChart"));

export default function Data() {
  useLanguage();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  const { files } = workspace;
  const series = allSeries(files);
  useEffect(() => { uploads.onSent = () => void queries.invalidateQueries({ queryKey: ["workspace"] }); }, [queries]);
  return (
    <>
      <Head title={t("data.title")} lead={t("data.lead")}>
        {series.length > 0 && <Link className="button primary" to={`/s/${workspace.session_id}/setup`}>{t("data.next")}</Link>}
      </Head>
      <div className="stack">
        <Files />
        {series.length > 0 && <SeriesTable />}
        {series.length > 0 && <Raw series={series} />}
      </div>
    </>
  );
}

function Files() {
  const { session_id: sid, files } = useWorkspace();
  const sending = useUploads(sid);
  const [zone, setZone] = useState(() => files[0]?.series[0]?.quality.file?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [over, setOver] = useState(false);
  const pick = useRef<HTMLInputElement>(null);
  const none = files.length === 0 && sending.length === 0;
  const take = (list: FileList | null) => list && uploads.add(sid, [...list], zone);
  const onWay = new Set(sending.map((one) => one.file.name));
  const shown = files.filter((file) => !(file.status === "receiving" && onWay.has(file.fileName)));
  return (
    <section className="card" aria-labelledby="files">
      <div className="card-head">
        <div className="row"><h2 id="files">{t("files.title")}</h2>{files.length > 0 && <span className="count">{files.length}</span>}</div>
        <label className="row small"><span>{t("files.zone")}</span><Zones value={zone} onChange={setZone} label={t("files.zone")} /></label>
      </div>
      <div
        className={`drop ${over ? "over" : ""} ${none ? "" : "small"}`}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files); }}
      >
        <div className="row" style={{ justifyContent: "center" }}>
          <span><strong>{t("files.drop")}</strong> <span className="soft">{t("files.or")}</span></span>
          <button type="button" className={none ? "primary" : ""} onClick={() => pick.current?.click()}>{t("files.choose")}</button>
        </div>
        <input ref={pick} id="pick" type="file" multiple hidden accept=".csv,.txt,.tsv,.gz,text/csv" onChange={(event) => { take(event.target.files); event.target.value = ""; }} />
        <p className="soft small">{t("files.hint")}</p>
      </div>
      {sending.length > 0 && <ul className="stack tight" style={{ marginTop: 12 }}>{sending.map((one) => <OnItsWay key={one.key} one={one} />)}</ul>}
      {shown.length > 0 && (
        <ul style={{ marginTop: 8 }}>{shown.map((file) => <FileRow key={file.id} file={file} />)}</ul>
      )}
    </section>
  );
}

function OnItsWay({ one }: { one: Sending }) {
  const { key, file, state, sent, error } = one;
  return (
    <li className="stack tight">
      <div className="job">
        <strong>{file.name}</strong>
        <progress max={file.size || 1} value={sent} aria-label={t("files.sending", { name: file.name })} className={state === "paused" || state === "refused" ? "stopped" : ""} />
        <span className="soft small num">{t(`upload.${state}` as Key)}{state === "refused" ? "" : ` · ${bytes(sent)} / ${bytes(file.size)}`}</span>
        <span className="row">
          {(state === "sending" || state === "away" || state === "waiting") && <button type="button" className="quiet" onClick={() => uploads.pause(key)}>{t("pause")}</button>}
          {state === "paused" && <button type="button" className="quiet" onClick={() => uploads.goOn(key)}>{t("goOn")}</button>}
          <button type="button" className="quiet bad" onClick={() => uploads.remove(key)} aria-label={t("remove.of", { name: file.name })}>{t("remove")}</button>
        </span>
      </div>
      {state === "refused" && error !== undefined && <Trouble error={error} />}
    </li>
  );
}

function FileRow({ file }: { file: FileInfo }) {
  const queries = useQueryClient();
  const { session_id: sid } = useWorkspace();
  const [open, setOpen] = useState(false);
  const first = file.series[0]?.quality;
  const trouble = file.problem ? explain(file.problem) : null;
  const remove = () => removeFile(file.id).then(() => queries.invalidateQueries({ queryKey: ["workspace", sid] }));
  const found = file.series.reduce((n, one) => n + remarks(one).filter((r) => r.tone === "warn").length, 0);
  return (
    <li style={{ borderTop: "1px solid var(--line)", padding: "10px 0" }}>
      <div className="row between">
        <div className="row grow">
          <strong>{file.fileName}</strong>
          {file.status === "ready" && (found ? <span className="badge warn">{t("files.remarks", { n: found })}</span> : <span className="badge good">{t("files.ok")}</span>)}
          {file.status === "rejected" && (questionOf(file) ? <span className="badge warn">{t("files.question")}</span> : <span className="badge bad">{t("files.rejected")}</span>)}
          {(file.status === "uploaded" || file.status === "receiving") && <span className="badge live">{t(`files.${file.status}`)}</span>}
          {first?.file && <span className="soft small">{readAs(first)}</span>}
        </div>
        <div className="row">
          {file.status === "ready" && <button type="button" className="quiet" aria-expanded={open} onClick={() => setOpen(!open)} aria-label={t("files.reportOf", { name: file.fileName })}>{open ? t("files.hide") : t("files.report")}</button>}
          <Asking label={t("remove")} name={t("remove.of", { name: file.fileName })} title={t("files.removeTitle")} text={t("files.removeText", { name: file.fileName })} doIt={remove} />
        </div>
      </div>
      {trouble && <div style={{ marginTop: 8 }}>{questionOf(file) ? <Asked file={file} /> : <Trouble error={file.problem} />}</div>}
      {open && <div className="stack" style={{ marginTop: 10 }}>{file.series.map((one) => <Report key={one.seriesId} series={one} />)}</div>}
    </li>
  );
}

interface Question { option: string; candidates: { value: unknown; means: string }[] }

/** What is asked about a file that can be read in more than one way, if anything. */
function questionOf(file: FileInfo): Question | null {
  const asked = (file.problem?.details as { question?: Question } | undefined)?.question;
  return asked && Array.isArray(asked.candidates) && asked.candidates.length > 0 ? asked : null;
}

/** A question about a file: one button per reading; the gateway has the bytes still. */
function Asked({ file }: { file: FileInfo }) {
  const queries = useQueryClient();
  const { session_id: sid } = useWorkspace();
  const question = questionOf(file) as Question;
  const tell = useMutation({
    mutationFn: (value: unknown) => answerFile(file.id, { [question.option]: value }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["workspace", sid] }),
  });
  return (
    <div className="notice warn" role="group" aria-label={t("question.title")}>
      <strong>{t("question.title")}</strong>
      <span>{explain(file.problem).message}</span>
      <span className="soft small">{t("question.lead")}</span>
      <div className="row">{question.candidates.map((one) => <button key={JSON.stringify(one.value)} type="button" disabled={tell.isPending} onClick={() => tell.mutate(one.value)}>{one.means}</button>)}</div>
      {tell.isPending && <span role="status">{t("question.asking")}</span>}
      {tell.isError && <Trouble error={tell.error} />}
    </div>
  );
}

function readAs({ file, clock }: Quality): string {
  const parts = [
    file?.delimiter && t("read.delimiter", { sign: file.delimiter === "\t" ? "Tab" : file.delimiter }),
    file?.decimal && t("read.decimal", { sign: file.decimal }),
    file?.day_first && t("read.dayFirst"),
    (clock?.zone ?? file?.timezone) && t("read.zone", { zone: clock?.zone ?? file?.timezone ?? "" }),
  ];
  return parts.filter(Boolean).join(" · ");
}

interface Remark { tone: "good" | "warn"; text: string; more?: string }

const lines = (found: { count: number; lines: number[] } | undefined) =>
  found?.lines.length ? t("report.lines", { lines: found.lines.slice(0, 6).join(", ") + (found.count > 6 ? " …" : "") }) : undefined;

/** What was found in a series, in words. */
export function remarks(series: SeriesInfo): Remark[] {
  const { quality, statistics } = series;
  const all: Remark[] = [];
  const minutes = quality.step_s ? quality.step_s / 60 : null;
  if (minutes) all.push({ tone: "good", text: t("report.step", { step: step(minutes), n: whole(statistics.n) }) });
  const gap = quality.gaps?.first[0];
  if (quality.gaps?.count) {
    all.push({
      tone: "warn",
      text: t(quality.gaps.count === 1 ? "report.gap" : "report.gaps", { n: quality.gaps.count, missing: whole(quality.gaps.n_missing) }),
      ...(gap ? { more: t("report.gapAt", { from: day(Date.parse(gap.after), zoneRead(series) ?? "UTC"), line: gap.line, length: minutes ? step(gap.n_missing * minutes) : `${gap.n_missing}` }) } : {}),
    });
  }
  const counted: [Key, { count: number; lines: number[] } | undefined][] = [
    ["report.missing", quality.missing], ["report.text", quality.text], ["report.infinite", quality.infinite], ["report.duplicates", quality.duplicates],
    ["report.unsorted", quality.unsorted], ["report.outliers", quality.outliers?.found], ["report.clockMissing", quality.clock?.missing], ["report.clockDoubled", quality.clock?.doubled],
  ];
  for (const [key, found] of counted) if (found?.count) all.push({ tone: "warn", text: t(key, { n: found.count }), ...(lines(found) ? { more: lines(found) as string } : {}) });
  const cell = quality.texts?.[0];
  if (cell) all.push({ tone: "warn", text: t("report.cell", { cell: cell.cell, line: cell.line }) });
  const flat = quality.constant?.longest[0];
  if (quality.constant?.count && flat) all.push({ tone: "warn", text: t("report.constant", { n: quality.constant.count, value: figure(flat.value), rows: flat.n_rows, line: flat.line }) });
  if (quality.clock?.interval_end_suspected) all.push({ tone: "warn", text: t("report.intervalEnd") });
  if (all.length === 1) all.push({ tone: "good", text: t("report.nothing") });
  return all;
}

function Report({ series }: { series: SeriesInfo }) {
  return (
    <div className="notice">
      <h3>{series.name}</h3>
      <ul className="checks" style={{ listStyle: "none", padding: 0 }}>
        {remarks(series).map((remark) => (
          <li key={remark.text}><span className={`mark ${remark.tone}-ink`} aria-hidden="true">{remark.tone === "good" ? "✓" : "!"}</span><span>{remark.text}{remark.more && <span className="soft"> {remark.more}</span>}</span></li>
        ))}
      </ul>
    </div>
  );
}

function SeriesTable() {
  const workspace = useWorkspace();
  const [draft, change] = useDraft(workspace);
  const series = allSeries(workspace.files);
  const setTarget = (id: string, on: boolean) => change({ targets: on ? [...draft.targets, id] : draft.targets.filter((one) => one !== id) });
  const setWeekBefore = (id: string, on: boolean) => change({ weekBefore: [...draft.weekBefore.filter((one) => one !== id), ...(on ? [id] : [])] });
  const goal = series.find((one) => one.seriesId === draft.targets[0]);
  const paced = goal ? stepMinutes(goal) : 60;
  const setUse = (id: string, use: Use) => change({ uses: { ...draft.uses, [id]: use } });
  const from = Math.max(...series.filter(used).map((one) => one.statistics.first_ns / 1e6));
  const to = Math.min(...series.filter(used).map((one) => one.statistics.last_ns / 1e6));
  function used(one: SeriesInfo) { return draft.targets.includes(one.seriesId) || draft.uses[one.seriesId] !== "none"; }
  return (
    <section className="card flush" aria-labelledby="series">
      <div className="card-head"><h2 id="series">{t("series.title")}</h2>
        {Number.isFinite(from) && <span className={`small ${to > from ? "soft" : "bad-ink"}`}>{to > from ? t("series.common", { from: day(from), to: day(to), days: whole((to - from) / 86_400_000) }) : t("series.noCommon")}</span>}
      </div>
      <div className="scroll">
        <table>
          <thead><tr><th scope="col">{t("col.series")}</th><th scope="col">{t("col.step")}</th><th scope="col">{t("col.span")}</th><th scope="col" className="num">{t("col.range")}</th><th scope="col">{t("col.target")}</th><th scope="col">{t("col.use")}</th></tr></thead>
          <tbody>
            {series.map((one) => {
              const target = draft.targets.includes(one.seriesId);
              const share = one.statistics.n_numeric / one.statistics.n;
              return (
                <tr key={one.seriesId}>
                  <th scope="row">{one.name}{share < 0.995 && <span className="badge warn" style={{ marginLeft: 8 }}>{t("series.share", { share: percent(share) })}</span>}</th>
                  <td className="nowrap">{step(stepMinutes(one))}</td>
                  <td className="nowrap soft">{day(one.statistics.first_ns / 1e6)} – {day(one.statistics.last_ns / 1e6)}</td>
                  <td className="num">{figure(one.statistics.min, 3)} … {figure(one.statistics.max, 3)}</td>
                  <td><label className="check"><input type="checkbox" checked={target} onChange={(event) => setTarget(one.seriesId, event.target.checked)} aria-label={t("series.forecastOf", { name: one.name })} /> <span>{t("series.forecast")}</span></label></td>
                  <td>
                    <div className="row" style={{ gap: "4px 14px" }}>
                    <select value={draft.uses[one.seriesId]} onChange={(event) => setUse(one.seriesId, event.target.value as Use)} aria-label={t("series.useOf", { name: one.name })}>
                      <option value="past">{t("use.past")}</option>
                      {!target && <option value="future">{t("use.future")}</option>}
                      {!target && <option value="futureOnly">{t("use.futureOnly")}</option>}
                      <option value="none">{t("use.none")}</option>
                    </select>
                    {draft.uses[one.seriesId] !== "none" && (weekFits(draft.horizonHours, paced) || draft.weekBefore.includes(one.seriesId)) && (
                      <label className="check small"><input type="checkbox" checked={draft.weekBefore.includes(one.seriesId)} onChange={(event) => setWeekBefore(one.seriesId, event.target.checked)} aria-label={t("series.weekOf", { name: one.name })} /> <span>{t("series.week")}</span></label>
                    )}
                    </div>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="soft small" style={{ padding: "8px 18px 14px" }}>{t("series.hint")}</p>
    </section>
  );
}

function Raw({ series }: { series: SeriesInfo[] }) {
  const { session_id: sid } = useWorkspace();
  const [chosen, setChosen] = useState(series[0]?.seriesId ?? "");
  const one = series.find((s) => s.seriesId === chosen) ?? (series[0] as SeriesInfo);
  const [asked] = useQueries({ queries: [{ queryKey: ["series", sid, one.seriesId], queryFn: () => getSeries(sid, one.seriesId), staleTime: Number.POSITIVE_INFINITY }] });
  const zone = zoneRead(one) ?? "UTC";
  const shades = useMemo(() => (one.quality.gaps?.first ?? []).map((gap) => ({ from: Date.parse(gap.after), to: Date.parse(gap.before), colour: "bad" })), [one]);
  const drawn = useMemo(() => asked?.data && { x: asked.data.times, lines: [{ label: one.name, values: asked.data.values, stroke: "c0", width: 1.2 }] }, [asked?.data, one.name]);
  return (
    <section className="card" aria-labelledby="raw">
      <div className="card-head">
        <h2 id="raw">{t("raw.title")}</h2>
        {series.length > 1 && <select aria-label={t("col.series")} value={one.seriesId} onChange={(event) => setChosen(event.target.value)}>{series.map((s) => <option key={s.seriesId} value={s.seriesId}>{s.name}</option>)}</select>}
      </div>
      {asked?.isError && <Trouble error={asked.error} again={() => void asked.refetch()} />}
      <div style={{ minHeight: 360 }}>
        {drawn ? (
          <Suspense fallback={<Loading />}>
            <TimeChart {...drawn} shades={shades} height={280} zone={zone} name={one.name} summary={t("raw.summary", { name: one.name, n: whole(one.statistics.n), low: figure(one.statistics.min), high: figure(one.statistics.max), gaps: one.quality.gaps?.count ?? 0 })} unit={zone} />
          </Suspense>
        ) : !asked?.isError && <Loading />}
      </div>
      {shades.length > 0 && <p className="soft small">{t("raw.gaps")}</p>}
    </section>
  );
}
