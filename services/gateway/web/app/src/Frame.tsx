// The frame around every screen: name, the session that is open, connection, language and theme.
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import { Link } from "react-router";

import { chooseLanguage, t, useLanguage } from "./i18n";
import { applyTheme, useTheme } from "./ui/theme";

export interface Crumb {
  name: string;
  live: boolean | null; // null: nothing is followed here
}

const CrumbContext = createContext<(crumb: Crumb | null) => void>(() => {});
export const useCrumb = () => useContext(CrumbContext);

/** Tell a screen reader what has happened. */
export const say = (text: string) => {
  const place = document.getElementById("say");
  if (place) place.textContent = text;
};

export function Frame({ children }: { children: ReactNode }) {
  const language = useLanguage();
  const theme = useTheme();
  const [crumb, setCrumb] = useState<Crumb | null>(null);
  const tell = useMemo(() => setCrumb, []);
  return (
    <CrumbContext.Provider value={tell}>
      <a className="skip" href="#main">{t("skip")}</a>
      <header className="top">
        <div className="top-in">
          <Link className="brand" to="/" aria-label="Trainyard">
            <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true"><path d="M2 17h20M6 13l4-5 4 4 6-8" /><path d="M5 17v4M12 17v4M19 17v4" /></svg>
            <span className={crumb ? "hide-small" : ""}>Trainyard</span>
          </Link>
          <div className="crumb grow">{crumb && <><span aria-hidden="true">/</span><strong title={crumb.name}>{crumb.name}</strong></>}</div>
          {crumb && crumb.live !== null && (
            <span className={crumb.live ? "badge live" : "badge warn"} role="status"><span className="dot" />{crumb.live ? t("live") : t("connecting")}</span>
          )}
          <button type="button" className="icon" aria-label={t("otherLanguage")} onClick={() => void chooseLanguage(language === "de" ? "en" : "de")}>{language === "de" ? "EN" : "DE"}</button>
          <button type="button" className="icon" aria-label={theme === "dark" ? t("theme.light") : t("theme.dark")} onClick={() => applyTheme(theme === "dark" ? "light" : "dark")}>
            <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
              {theme === "dark" ? <><circle cx="12" cy="12" r="4.5" /><path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5" /></> : <path d="M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5Z" />}
            </svg>
          </button>
          <Link className="button" style={{ border: 0, padding: "4px 8px", minHeight: 32 }} to="/settings" aria-label={t("settings")}>
            <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true"><path d="M4 7h10M18 7h2M4 17h2M10 17h10" /><circle cx="16" cy="7" r="2.2" /><circle cx="8" cy="17" r="2.2" /></svg>
          </Link>
        </div>
      </header>
      {children}
      <div id="say" className="visually-hidden" aria-live="polite" />
    </CrumbContext.Provider>
  );
}
