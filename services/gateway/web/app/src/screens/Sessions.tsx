// All sessions: searched, sorted, opened, named, deleted.
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useDeferredValue, useEffect, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";

import { deleteSession, getSessions, openSession, renameSession, type SessionCard, type Sort } from "../api";
import { useCrumb } from "../Frame";
import { type Key, t, useLanguage } from "../i18n";
import { when } from "../ui/format";
import { Asking, Head, Loading, Trouble } from "../ui/parts";

const SORTS: readonly Sort[] = ["newest", "oldest", "name", "changed"];
const TONE: Record<SessionCard["stage"], string> = { empty: "", data: "", running: "live", done: "good", failed: "bad" };

export default function Sessions() {
  useLanguage();
  const crumb = useCrumb();
  useEffect(() => { crumb(null); document.title = "Trainyard"; }, [crumb]);
  const [params, setParams] = useSearchParams();
  const search = useDeferredValue(params.get("q") ?? "");
  const sort = (SORTS as string[]).includes(params.get("sort") ?? "") ? (params.get("sort") as Sort) : "newest";
  const asked = useInfiniteQuery({
    queryKey: ["sessions", search, sort],
    queryFn: ({ pageParam }) => getSessions(search, sort, pageParam),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.offset + last.sessions.length < last.total ? last.offset + last.sessions.length : undefined),
    placeholderData: keepPreviousData,
  });
  const set = (name: string, value: string) =>
    setParams((before) => { const next = new URLSearchParams(before); if (value) next.set(name, value); else next.delete(name); return next; }, { replace: true });
  const sessions = asked.data?.pages.flatMap((page) => page.sessions) ?? [];
  const total = asked.data?.pages[0]?.total ?? 0;
  const nothing = asked.isSuccess && total === 0 && !search;
  return (
    <main id="main" tabIndex={-1}>
      <Head title={t("sessions.title")} lead={t("sessions.lead")} />
      <div className="stack">
        <NewSession demo={asked.data?.pages[0]?.demo ?? false} />
        {asked.isError && <Trouble error={asked.error} again={() => void asked.refetch()} />}
        {asked.isPending && !asked.isError && <Loading />}
        {nothing && <div className="card empty"><h2>{t("sessions.none")}</h2><p>{t("sessions.noneLead")}</p></div>}
        {asked.isSuccess && !nothing && (
          <section className="card flush" aria-label={t("sessions.yours")}>
            <div className="card-head">
              <div className="row"><h2>{t("sessions.yours")}</h2><span className="count">{total}</span></div>
              <div className="row">
                <input type="search" aria-label={t("sessions.search")} placeholder={t("sessions.search")} value={params.get("q") ?? ""} onChange={(event) => set("q", event.target.value)} />
                <select aria-label={t("sessions.sort")} value={sort} onChange={(event) => set("sort", event.target.value)}>
                  {SORTS.map((key) => <option key={key} value={key}>{t(`sort.${key}` as Key)}</option>)}
                </select>
              </div>
            </div>
            <div className="scroll">
              <table>
                <thead><tr><th scope="col">{t("col.name")}</th><th scope="col">{t("col.status")}</th><th scope="col" className="num">{t("col.files")}</th><th scope="col" className="num">{t("col.runs")}</th><th scope="col">{t("col.best")}</th><th scope="col">{t("col.changed")}</th><th scope="col"><span className="visually-hidden">{t("col.actions")}</span></th></tr></thead>
                <tbody>{sessions.map((session) => <Row key={session.session_id} session={session} />)}</tbody>
              </table>
            </div>
            {total === 0 && <p className="empty">{t("sessions.noMatch")}</p>}
            {asked.hasNextPage && <div className="row" style={{ padding: 14 }}><button type="button" onClick={() => void asked.fetchNextPage()}>{t("sessions.more", { n: total - sessions.length })}</button></div>}
          </section>
        )}
      </div>
    </main>
  );
}

function NewSession({ demo }: { demo: boolean }) {
  useLanguage();
  const go = useNavigate();
  const [name, setName] = useState("");
  const opened = useMutation({ mutationFn: openSession, onSuccess: (sid) => go(`/s/${sid}/data`) });
  const tried = useMutation({ mutationFn: async () => (await import("../demo")).tryDemo(t("demo.name")), onSuccess: (sid) => go(`/s/${sid}/data`) });
  const submit = (event: FormEvent) => { event.preventDefault(); opened.mutate(name.trim()); };
  return (
    <section className="card" aria-labelledby="new-session">
      <form className="row between" onSubmit={submit}>
        <div><h2 id="new-session">{t("sessions.new")}</h2><p className="soft small">{t("sessions.newLead")}</p></div>
        <div className="row">
          <input aria-label={t("sessions.name")} placeholder={t("sessions.placeholder")} value={name} maxLength={255} onChange={(event) => setName(event.target.value)} style={{ width: "18rem" }} />
          <button type="submit" className="primary" disabled={opened.isPending}>{t("sessions.open")}</button>
        </div>
      </form>
      {demo && <div className="row" style={{ marginTop: 12 }}><button type="button" disabled={tried.isPending} onClick={() => tried.mutate()}>{t("demo.try")}</button><span className="soft small">{t(tried.isPending ? "demo.busy" : "demo.lead")}</span></div>}
      {opened.isError && <Trouble error={opened.error} />}{tried.isError && <Trouble error={tried.error} />}
    </section>
  );
}

function Row({ session }: { session: SessionCard }) {
  const queries = useQueryClient();
  const [editing, setEditing] = useState(false);
  const [name, setName] = useState(session.name);
  const again = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const renamed = useMutation({ mutationFn: (text: string) => renameSession(session.session_id, text), onSuccess: again });
  const deleted = useMutation({ mutationFn: () => deleteSession(session.session_id), onSuccess: again });
  const shown = session.name || t("sessions.unnamed");
  const keep = (event: FormEvent) => { event.preventDefault(); setEditing(false); if (name.trim() && name !== session.name) renamed.mutate(name.trim()); };
  return (
    <tr>
      <th scope="row">
        {editing
          ? <form className="row" onSubmit={keep}><input autoFocus aria-label={t("sessions.name")} value={name} maxLength={255} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => event.key === "Escape" && setEditing(false)} /><button type="submit">{t("keep")}</button></form>
          : <Link to={`/s/${session.session_id}/${session.n_runs ? "runs" : session.n_files ? "setup" : "data"}`}>{shown}</Link>}
        {renamed.isError && <Trouble error={renamed.error} />}{deleted.isError && <Trouble error={deleted.error} />}
      </th>
      <td><span className={`badge ${TONE[session.stage]}`}>{t(`stage.${session.stage}` as Key)}</span></td>
      <td className="num">{session.n_files}</td>
      <td className="num">{session.n_runs}</td>
      <td>{session.best_label ?? "–"}</td>
      <td className="nowrap soft">{when(session.changed_at)}</td>
      <td className="right nowrap">
        <button type="button" className="quiet" onClick={() => { setName(session.name); setEditing(true); }} aria-label={t("rename.of", { name: shown })}>{t("rename")}</button>
        <Asking label={t("delete")} name={t("delete.of", { name: shown })} title={t("sessions.deleteTitle")} text={t("sessions.deleteText", { name: shown, files: session.n_files, runs: session.n_runs })} doIt={() => deleted.mutate()} />
      </td>
    </tr>
  );
}
