// The few parts every screen is made of.
import { lazy, type ReactNode, Suspense, useState } from "react";

import { isPassing, Problem } from "../client";
import { known, t, useLanguage } from "../i18n";
import { plainCell } from "./table";

const Dialog = lazy(() => import("./Dialog"));

/** What went wrong, where, and what to do; by code in the reader's language, without paths of the API. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  useLanguage();
  const { message, suggestions } = explain(error);
  return (
    <div className="notice bad" role="alert">
      <strong>{message}</strong>
      {suggestions.length > 0 && <ul>{suggestions.map((text) => <li key={text}>{text}</li>)}</ul>}
      {again && <div><button type="button" onClick={again}>{t("again")}</button></div>}
    </div>
  );
}

export interface Told {
  code?: string;
  message: string;
  suggestions?: readonly string[];
  details?: Record<string, unknown>;
}

const PATHS = /\b(GET|POST|PUT|DELETE) \/|\/api\/|\{session\}/;
const withoutPaths = (texts: readonly string[]) => texts.filter((text) => !PATHS.test(text));

/** A problem in the reader's words. */
export function explain(error: unknown): { message: string; suggestions: string[] } {
  if (error instanceof Problem || isTold(error)) {
    const code = error.code ?? "";
    const details = flat("details" in error ? error.details : undefined);
    const said = `problem.${code}`;
    const advice = `advice.${code}`;
    const message = known(said) ? t(said, details) : fieldNames(error.message);
    const suggestions = known(advice) ? [t(advice, details)] : withoutPaths(error.suggestions ?? []);
    return { message: message.charAt(0).toUpperCase() + message.slice(1), suggestions };
  }
  if (isPassing(error)) return { message: t("away"), suggestions: [t("away.advice")] };
  return { message: t("failed"), suggestions: [error instanceof Error ? error.message : ""].filter(Boolean) };
}

const isTold = (error: unknown): error is Told => typeof error === "object" && error !== null && "message" in error && "code" in error;
const fieldNames = (text: string) => text.replace(/\bconfiguration\.(body\.)?/g, "").replace(/\bbody: /g, "");
const flat = (details: Record<string, unknown> | undefined): Record<string, string | number> =>
  Object.fromEntries(Object.entries(details ?? {}).filter(([, v]) => typeof v === "string" || typeof v === "number")) as Record<string, string | number>;

export function Loading({ what }: { what?: string }) {
  useLanguage();
  return <p className="spin" role="status">{what ?? t("loading")}</p>;
}

export function Head({ title, lead, children }: { title: string; lead?: ReactNode; children?: ReactNode }) {
  return (
    <div className="head">
      <div className="grow"><h1>{title}</h1>{lead && <p className="lead">{lead}</p>}</div>
      {children && <div className="row">{children}</div>}
    </div>
  );
}

/** A button that asks before it does what cannot be undone. */
export function Asking({ label, title, text, doIt, className = "quiet bad", name }: {
  label: string; title: string; text: string; doIt: () => unknown; className?: string; name?: string;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className={className} aria-label={name} onClick={() => setOpen(true)}>{label}</button>
      {open && (
        <Suspense>
          <Dialog title={title} close={() => setOpen(false)}>
            <p>{text}</p>
            <div className="row">
              <button type="button" className="danger" onClick={() => { setOpen(false); doIt(); }}>{label}</button>
              <button type="button" onClick={() => setOpen(false)}>{t("cancel")}</button>
            </div>
          </Dialog>
        </Suspense>
      )}
    </>
  );
}

/** A few choices of which one holds. */
export function Segment<T extends string>({ name, label, value, options, onChange }: {
  name: string; label: string; value: T; options: readonly (readonly [T, string])[]; onChange: (value: T) => void;
}) {
  return (
    <div className="segment" role="radiogroup" aria-label={label}>
      {options.map(([key, text]) => (
        <label key={key}>
          <input type="radio" name={name} checked={value === key} onChange={() => onChange(key)} /> {text}
        </label>
      ))}
    </div>
  );
}

const csvCell = (value: string | number | null | undefined) => {
  const text = typeof value === "string" ? plainCell(value) : value == null ? "" : String(value);
  return /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Save a table as a CSV file. */
export function saveCsv(name: string, rows: readonly (readonly (string | number | null | undefined)[])[]): void {
  saveText(name, rows.map((row) => row.map(csvCell).join(",")).join("\r\n"), "text/csv");
}

export function saveText(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
