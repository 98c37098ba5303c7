// One session: its steps, and the events that keep what is shown true.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Navigate, NavLink, Route, Routes, useLocation, useParams } from "react-router";

import { getWorkspace } from "../api";
import { follow, type LiveEvent } from "../client";
import { SCREENS } from "../early";
import { say, useCrumb } from "../Frame";
import { addTexts, t, useLanguage } from "../i18n";
import { enSession } from "../i18n/enSession";
import { liveRun } from "../live";
import { Loading, Trouble } from "../ui/parts";
import { WorkspaceContext } from "../workspace";

const Data = lazy(SCREENS.data);
const Setup = lazy(SCREENS.setup);
const Runs = lazy(SCREENS.runs);
const Run = lazy(SCREENS.run);
const Model = lazy(SCREENS.model);
const Forecast = lazy(SCREENS.forecast);
const Models = lazy(SCREENS.models);

addTexts(enSession);
const OF_FILES = /^(file|upload)\./;
const OF_RUNS = new Set(["training.requested", "run.planned", "run.finished", "run.reported", "cancel.requested", "dataset.failed"]);

export default function SessionScreens() {
  useLanguage();
  const { sid = "" } = useParams();
  const queries = useQueryClient();
  const tellCrumb = useCrumb();
  const [live, setLive] = useState(false);
  const [away, setAway] = useState(false);
  const [gone, setGone] = useState(false);
  const asked = useQuery({ queryKey: ["workspace", sid], queryFn: () => getWorkspace(sid), staleTime: Number.POSITIVE_INFINITY });
  const from = asked.data?.last_seq;
  const started = from !== undefined;

  // biome-ignore lint: events are followed from the first snapshot on; later ones are newer than what was heard
  useEffect(() => {
    if (!started) return;
    const pending = new Map<string, ReturnType<typeof setTimeout>>();
    const refresh = (...key: string[]) => {
      const name = key.join("/");
      if (pending.has(name)) return;
      pending.set(name, setTimeout(() => { pending.delete(name); void queries.invalidateQueries({ queryKey: key }); }, 120));
    };
    const hear = (event: LiveEvent) => {
      if (event.type === "model.progress") {
        if (liveRun(event.run_id ?? "").hear(event)) refresh("run", event.run_id ?? "");
        return;
      }
      if (event.type === "session.deleted") return setGone(true);
      if (OF_FILES.test(event.type) || OF_RUNS.has(event.type)) refresh("workspace", sid);
      if (event.type === "schedule.fired") refresh("schedules", sid);
      if (event.run_id) refresh("run", event.run_id);
      if (event.type === "run.finished") say(t("said.finished", { status: t(`status.${event.data.status as "completed"}`), best: String(event.data.best_label ?? "–") }));
      if (event.type === "file.ready") say(t("said.fileReady", { name: String(event.data.file_name) }));
      if (event.type === "file.rejected") say(t("said.fileRejected", { name: String(event.data.file_name) }));
    };
    const stop = follow(sid, { after: from ?? 0, onEvent: hear, onState: setLive, onGone: () => setGone(true) });
    return () => { stop(); for (const timer of pending.values()) clearTimeout(timer); };
  }, [sid, started]);

  useEffect(() => {
    if (live || !started) { setAway(false); return; }
    const timer = setTimeout(() => setAway(true), 3000);
    return () => clearTimeout(timer);
  }, [live, started]);

  const name = asked.data?.name || t("sessions.unnamed");
  useEffect(() => {
    if (asked.data) { tellCrumb({ name, live }); document.title = `${name} – Trainyard`; }
  }, [tellCrumb, asked.data, name, live]);

  const steps = useMemo(() => asked.data && ([
    ["data", t("step.data"), asked.data.files.length], ["setup", t("step.setup"), null],
    ["runs", t("step.runs"), asked.data.runs.length], ["forecast", t("step.forecast"), null], ["models", t("step.models"), null],
  ] as const), [asked.data, name]);

  // On a phone the steps are wider than the screen: the one that is open is brought into view.
  const { pathname } = useLocation();
  useEffect(() => { document.querySelector("nav.steps [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); }, [pathname, started]);

  if (gone) return <main id="main"><div className="card empty"><h2>{t("session.gone")}</h2><p>{t("session.goneLead")}</p><a className="button" href="/">{t("backToSessions")}</a></div></main>;
  if (asked.isError) return <main id="main" className="stack"><Trouble error={asked.error} again={() => void asked.refetch()} /><p><a href="/">{t("backToSessions")}</a></p></main>;
  if (!asked.data) return <main id="main"><Loading /></main>;
  return (
    <WorkspaceContext.Provider value={asked.data}>
      {away && <div className="away" role="status">{t("away.live")}</div>}
      <nav className="steps" aria-label={t("steps")}>
        <ul>{steps?.map(([path, text, count]) => <li key={path}><NavLink to={`/s/${sid}/${path}`}>{text}{count ? <span className="count">{count}</span> : null}</NavLink></li>)}</ul>
      </nav>
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<Loading />}>
          <Routes>
            <Route index element={<Navigate to={asked.data.runs.length ? "runs" : "data"} replace />} />
            <Route path="data" element={<Data />} />
            <Route path="setup" element={<Setup />} />
            <Route path="runs" element={<Runs />} />
            <Route path="runs/:rid" element={<Run />} />
            <Route path="runs/:rid/models/:jid" element={<Model />} />
            <Route path="forecast" element={<Forecast />} />
            <Route path="models" element={<Models />} />
            <Route path="*" element={<Navigate to={`/s/${sid}`} replace />} />
          </Routes>
        </Suspense>
      </main>
    </WorkspaceContext.Provider>
  );
}
