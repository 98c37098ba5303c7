// What the session does by itself: forecasts and training again at times of a local clock, and what became of them.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";

import { type Firing, getSchedules, makeSchedule, pauseSchedule, removeSchedule, type Schedule } from "../api";
import { t, useLanguage } from "../i18n";
import { zoneRead } from "../spec";
import { day } from "../ui/format";
import { Asking, explain, Loading, Trouble } from "../ui/parts";
import { useWorkspace } from "../workspace";
import { Zones } from "./Zones";

const TONE: Record<Firing["status"], string> = { due: "live", done: "good", skipped: "", failed: "bad" };

export function Schedules() {
  useLanguage();
  const { session_id: sid } = useWorkspace();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: ["schedules", sid], queryFn: () => getSchedules(sid), staleTime: 10_000 });
  const again = () => queries.invalidateQueries({ queryKey: ["schedules", sid] });
  const change = useMutation({ mutationFn: (work: () => Promise<unknown>) => work(), onSuccess: again });
  const rows = asked.data?.schedules ?? [];
  return (
    <section className="card stack" aria-labelledby="schedules">
      <div className="card-head"><h2 id="schedules">{t("schedules.title")}</h2><span className="soft small">{t("schedules.lead")}</span></div>
      {change.isError && <Trouble error={change.error} />}
      {asked.isError && <Trouble error={asked.error} again={() => void asked.refetch()} />}
      {asked.isPending && <Loading />}
      {asked.data && rows.length === 0 && <p className="soft">{t("schedules.none")}</p>}
      {rows.map((row) => <One key={row.schedule_id} row={row} firings={(asked.data?.firings ?? []).filter((one) => one.schedule_id === row.schedule_id)} busy={change.isPending} change={change.mutate} />)}
      {asked.data && <Fresh done={again} />}
    </section>
  );
}

/** "Forecast every day at 06:00" */
const said = (row: Schedule) => [
  t(row.action === "forecast" ? "schedules.forecast" : "schedules.retrain"),
  row.day_of_month ? t("schedules.onDay", { day: row.day_of_month }) : t("schedules.daily"),
  t("schedules.atTime", { time: row.at }),
].join(" ");

function One({ row, firings, busy, change }: { row: Schedule; firings: Firing[]; busy: boolean; change: (work: () => Promise<unknown>) => void }) {
  const { session_id: sid } = useWorkspace();
  const name = said(row);
  return (
    <div className="stack tight">
      <div className="row between">
        <span><strong>{name}</strong> <span className="soft small">{row.timezone}</span> {!row.enabled && <span className="badge warn">{t("schedules.paused")}</span>}</span>
        <span className="row">
          <button type="button" className="quiet" disabled={busy} aria-label={t(row.enabled ? "schedules.pauseOf" : "schedules.goOnOf", { name })} onClick={() => change(() => pauseSchedule(sid, row.schedule_id, row.enabled))}>{t(row.enabled ? "pause" : "goOn")}</button>
          <Asking label={t("delete")} name={t("delete.of", { name })} title={t("schedules.removeTitle")} text={t("schedules.removeText", { name })} doIt={() => change(() => removeSchedule(sid, row.schedule_id))} />
        </span>
      </div>
      {(row.condition === "skill_below_zero" || row.webhook_url) && <p className="soft small">{[row.condition === "skill_below_zero" && t("schedules.ifLost"), row.webhook_url && t("schedules.tells", { url: row.webhook_url })].filter(Boolean).join(" · ")}</p>}
      {firings.length === 0 && <p className="soft small">{t("schedules.never")}</p>}
      {firings[0] && <Became firing={firings[0]} />}
      {firings.length > 1 && <details><summary className="small">{t("schedules.before", { n: firings.length - 1 })}</summary><div className="stack tight" style={{ paddingTop: 6 }}>{firings.slice(1, 31).map((one) => <Became key={one.firing_id} firing={one} />)}</div></details>}
    </div>
  );
}

function Became({ firing }: { firing: Firing }) {
  const { session_id: sid } = useWorkspace();
  const { forecast_id, run_id, reason } = firing.result;
  return (
    <p className="row small">
      <span className="soft num">{day(Date.parse(`${firing.local_day}T00:00:00Z`))}</span>
      <span className={`badge ${TONE[firing.status]}`}>{t(reason === "paused" ? "schedules.paused" : `fired.${firing.status}`)}</span>
      {typeof forecast_id === "string" && <Link to={`/s/${sid}/forecast?forecast=${forecast_id}`}>{t("schedules.toForecast")}</Link>}
      {typeof run_id === "string" && <Link to={`/s/${sid}/runs/${run_id}`}>{t("schedules.toRun")}</Link>}
      {firing.problem && <span className="bad-ink">{explain(firing.problem).message}</span>}
      {firing.delivery === "pending" && <span className="soft">{t("delivery.pending")}</span>}
      {firing.delivery === "delivered" && <span className="soft">{t("delivery.delivered")}</span>}
      {firing.delivery === "failed" && <span className="bad-ink">{t("delivery.failed")}</span>}
    </p>
  );
}

function Fresh({ done }: { done: () => unknown }) {
  const { session_id: sid, files } = useWorkspace();
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<Schedule["action"]>("forecast");
  const [monthly, setMonthly] = useState("");
  const [at, setAt] = useState("06:00");
  const [zone, setZone] = useState(() => zoneRead(files.flatMap((file) => file.series)[0]) ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [lost, setLost] = useState(false);
  const [url, setUrl] = useState("");
  const made = useMutation({
    mutationFn: () => makeSchedule(sid, { action, at, timezone: zone, day_of_month: monthly ? Number(monthly) : null, condition: lost ? "skill_below_zero" : "always", webhook_url: url.trim() || null }),
    onSuccess: () => { setOpen(false); setUrl(""); void done(); },
  });
  const submit = (event: FormEvent) => { event.preventDefault(); made.mutate(); };
  return (
    <div className="stack">
      {made.data?.secret && <div className="notice good" role="status"><strong>{t("schedules.secret")}</strong><code style={{ overflowWrap: "anywhere" }}>{made.data.secret}</code></div>}
      {!open && <div><button type="button" onClick={() => { made.reset(); setOpen(true); }}>{t("schedules.new")}</button></div>}
      {open && (
        <form className="stack" onSubmit={submit} aria-label={t("schedules.new")}>
          <div className="row top-aligned" style={{ gap: "12px 20px" }}>
            <label className="field">{t("schedules.what")}<select value={action} onChange={(event) => setAction(event.target.value as Schedule["action"])}><option value="forecast">{t("schedules.forecast")}</option><option value="retrain">{t("schedules.retrain")}</option></select></label>
            <label className="field">{t("schedules.when")}<select value={monthly} onChange={(event) => setMonthly(event.target.value)}><option value="">{t("schedules.daily")}</option>{Array.from({ length: 28 }, (_, k) => <option key={k} value={k + 1}>{t("schedules.onDay", { day: k + 1 })}</option>)}</select></label>
            <label className="field">{t("schedules.at")}<input type="time" required value={at} onChange={(event) => setAt(event.target.value)} /></label>
            <label className="field">{t("setup.zone")}<Zones value={zone} onChange={setZone} label={t("setup.zone")} /></label>
          </div>
          <label className="check"><input type="checkbox" checked={lost} onChange={(event) => setLost(event.target.checked)} /> {t("schedules.ifLost")}</label>
          <label className="field">{t("schedules.webhook")}<input type="url" pattern="https?://.+" placeholder="https://" value={url} maxLength={2000} style={{ width: "min(28rem, 100%)" }} onChange={(event) => setUrl(event.target.value)} /><span className="hint small">{t("schedules.webhookHint")}</span></label>
          {made.isError && <Trouble error={made.error} />}
          <div className="row"><button type="submit" className="primary" disabled={made.isPending}>{t("schedules.make")}</button><button type="button" onClick={() => setOpen(false)}>{t("cancel")}</button></div>
        </form>
      )}
    </div>
  );
}
