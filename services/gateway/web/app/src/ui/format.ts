// Figures, times and lengths of time as people of the language in use write them.
import { language, t } from "../i18n";

const locale = () => (language() === "de" ? "de-AT" : "en-GB");

export const figure = (value: number | null | undefined, digits = 4): string =>
  value == null ? "–" : value.toLocaleString(locale(), { maximumSignificantDigits: digits });

export const whole = (value: number | null | undefined): string =>
  value == null ? "–" : Math.round(value).toLocaleString(locale());

export const percent = (share: number | null | undefined, digits = 1): string =>
  share == null ? "–" : share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits });

export const signed = (share: number | null | undefined): string =>
  share == null
    ? "–"
    : share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1, minimumFractionDigits: 1, signDisplay: "exceptZero" });

export const bytes = (n: number): string => {
  const units = ["B", "kB", "MB", "GB"];
  const power = n < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${figure(n / 1000 ** power, 3)} ${units[power]}`;
};

export const duration = (seconds: number | null | undefined): string => {
  if (seconds == null) return "–";
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${seconds < 10 ? figure(Math.max(0, seconds), 2) : whole(seconds)} s`;
};

/** "1 h", "15 min", "1 day": the distance of two rows. */
export const step = (minutes: number): string => {
  if (minutes % 1440 === 0) return t(minutes === 1440 ? "time.day" : "time.days", { n: minutes / 1440 });
  if (minutes % 60 === 0) return `${minutes / 60} h`;
  return `${figure(minutes, 6)} min`;
};

const formats = new Map<string, Intl.DateTimeFormat>();
const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => {
  const key = locale() + JSON.stringify(options);
  const found = formats.get(key) ?? new Intl.DateTimeFormat(locale(), options);
  formats.set(key, found);
  return found;
};

export const day = (ms: number, timeZone = "UTC"): string =>
  format({ day: "numeric", month: "short", year: "numeric", timeZone }).format(ms);

export const moment = (ms: number, timeZone = "UTC"): string =>
  format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone }).format(ms);

export const when = (iso: string): string =>
  format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(new Date(iso));

/** The day of a time in a zone as `<input type="date">` has it. */
export const isoDay = (ms: number, timeZone: string): string =>
  new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);

/** The first moment of a day in a zone, Unix milliseconds. */
export function startOfDay(iso: string, timeZone: string): number {
  const guess = Date.parse(`${iso}T00:00:00Z`);
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).formatToParts(guess);
  const at = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const seen = Date.UTC(at("year"), at("month") - 1, at("day"), at("hour"), at("minute"));
  return guess - (seen - guess);
}

/** A number as somebody typed it, with a comma or a point. */
export const typed = (text: string): number => Number(text.trim().replace(",", "."));

/** How the status of a run is coloured. */
export const RUN_TONE: Record<string, string> = { queued: "live", running: "live", completed: "good", failed: "bad", cancelled: "" };
