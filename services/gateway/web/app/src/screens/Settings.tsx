// Language, theme, and the keys programs use.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";

import { call } from "../client";
import { useCrumb } from "../Frame";
import { addTexts, chooseLanguage, t, useLanguage } from "../i18n";
import { enSession } from "../i18n/enSession";
import { when } from "../ui/format";
import { Asking, Head, Segment, Trouble } from "../ui/parts";
import { applyTheme, chosenTheme, type Theme } from "../ui/theme";

addTexts(enSession);

interface ApiKey { id?: string; key_id?: string; name: string; created_at?: string; createdAt?: string; revoked_at?: string | null }

export default function Settings() {
  const language = useLanguage();
  const crumb = useCrumb();
  const [theme, setTheme] = useState<Theme>(chosenTheme());
  useEffect(() => { crumb(null); document.title = `${t("settings")} – Trainyard`; }, [crumb, language]);
  return (
    <main id="main" tabIndex={-1}>
      <Head title={t("settings")} />
      <div className="stack" style={{ maxWidth: 760 }}>
        <section className="card stack">
          <div className="row between"><h2>{t("settings.language")}</h2><Segment name="language" label={t("settings.language")} value={language} options={[["en", "English"], ["de", "Deutsch"]]} onChange={(one) => void chooseLanguage(one)} /></div>
          <div className="row between"><h2>{t("settings.theme")}</h2><Segment name="theme" label={t("settings.theme")} value={theme} options={[["auto", t("theme.auto")], ["light", t("theme.lightName")], ["dark", t("theme.darkName")]]} onChange={(one) => { setTheme(one); applyTheme(one); }} /></div>
        </section>
        <Keys />
        <section className="card"><h2>{t("settings.programs")}</h2><p>{t("settings.programsLead")} <a href="/docs">{t("settings.docs")}</a> · <a href="/plain/">{t("settings.plain")}</a></p></section>
      </div>
    </main>
  );
}

function Keys() {
  useLanguage();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [made, setMade] = useState("");
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => call<{ keys: ApiKey[] }>("GET", "/api-keys") });
  const again = () => queries.invalidateQueries({ queryKey: ["keys"] });
  const make = useMutation({ mutationFn: () => call<{ key: string }>("POST", "/api-keys", { name }), onSuccess: ({ key }) => { setMade(key); setName(""); void again(); } });
  const revoke = useMutation({ mutationFn: (id: string) => call("DELETE", `/api-keys/${id}`), onSuccess: again });
  const submit = (event: FormEvent) => { event.preventDefault(); make.mutate(); };
  const id = (key: ApiKey) => key.id ?? key.key_id ?? "";
  return (
    <section className="card stack" aria-labelledby="keys">
      <div><h2 id="keys">{t("keys.title")}</h2><p className="soft small">{t("keys.lead")}</p></div>
      <form className="row" onSubmit={submit}><input aria-label={t("keys.name")} placeholder={t("keys.placeholder")} value={name} maxLength={200} required onChange={(event) => setName(event.target.value)} /><button type="submit" disabled={make.isPending}>{t("keys.make")}</button></form>
      {make.isError && <Trouble error={make.error} />}
      {made && <div className="notice good"><strong>{t("keys.made")}</strong><code style={{ overflowWrap: "anywhere" }}>{made}</code></div>}
      {keys.isError && <Trouble error={keys.error} />}
      {revoke.isError && <Trouble error={revoke.error} />}
      {keys.data && keys.data.keys.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={t("keys.title")}><table><tbody>{keys.data.keys.map((key) => <tr key={id(key)}><th scope="row">{key.name}</th><td className="soft">{key.created_at ?? key.createdAt ? when((key.created_at ?? key.createdAt) as string) : ""}</td><td className="right"><Asking label={t("keys.revoke")} name={t("keys.revokeOf", { name: key.name })} title={t("keys.revokeTitle")} text={t("keys.revokeText", { name: key.name })} doIt={() => revoke.mutate(id(key))} /></td></tr>)}</tbody></table></div>
      )}
    </section>
  );
}
