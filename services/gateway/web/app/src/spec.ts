// From what somebody chose on the page to the data set and the models that are asked for.
import type { DatasetSpec, FileInfo, Preview, SeriesInfo, SeriesSpec } from "./api";

/** Its past; known in advance, its past included; known in advance, while its past says nothing; not at all. */
export type Use = "past" | "future" | "futureOnly" | "none";

export interface ModelChoice {
  on: boolean;
  params: Record<string, unknown>;
}

/** The form of a session; kept by the gateway, so that every page that opens the session shows the same. */
export interface Draft {
  targets: string[];
  uses: Record<string, Use>;
  weekBefore: string[]; // series that are seen once more, as they were a week before
  horizonHours: number;
  lookbackHours: number;
  strideMinutes: number | null;
  zone: string | null;
  calendar: { day: boolean; week: boolean; year: boolean };
  holidays: { on: boolean; country: string; subdivision: string };
  split: { train: number; validation: number; test: number };
  models: Record<string, ModelChoice>;
  metric: string;
  ensemble: boolean;
  accepted: string[];
}

export const MODELS = ["lin", "slots", "lgbmr", "dense", "cnn", "lstm", "ar_lstm", "svr_mimo", "svr_dir"] as const;
/** What is ticked at first: kinds whose average does best on series of many sorts, as on the command line. */
export const CHOSEN: readonly string[] = ["lin", "slots", "lgbmr", "dense", "cnn"];
const NEURAL = { layers: [64], epochs: 50, batch_size: 128, learning_rate: 0.001, patience: 2, residual: true, seed: 0 };
const SVR = { kernel: "rbf", C: 1, epsilon: 0.1, seed: 0 };
export const DEFAULTS: Record<string, Record<string, unknown>> = {
  lin: {},
  slots: {},
  lgbmr: { n_estimators: 600, learning_rate: 0.1, patience: 20, seed: 0 },
  dense: { ...NEURAL, batch_size: 64, activation: "relu" },
  lstm: { ...NEURAL, activation: "tanh" },
  cnn: { ...NEURAL, activation: "relu", kernel_size: 3 },
  ar_lstm: { ...NEURAL, activation: "tanh" },
  svr_mimo: SVR,
  svr_dir: SVR,
};

export const stepMinutes = (series: SeriesInfo): number => (series.quality.step_s ?? 3600) / 60;
export const allSeries = (files: readonly FileInfo[]): SeriesInfo[] =>
  files.filter((file) => file.status === "ready").flatMap((file) => file.series);

const DAY = 1440; // minutes
const WEEK_HOURS = 168;
const LEAST_STEPS = 7; // of a lookback: a week of days
const MOST_STEPS = 768; // of a lookback nobody asked for: memory and networks grow with it
const YEARS_SEEN = 1.9 * 525_960; // minutes of data, before the time of year can be told from a trend

/**
 * How much of the past a model sees unless told, in hours, as on the command line: 8 days of sub-daily rows, 8 weeks
 * of longer ones, less where that would take more than a fifth of the data.
 */
export function usualLookback(step: number, horizonHours: number, rows: number): number {
  const season = step < DAY ? 8 * DAY : 56 * step;
  const room = Math.min(MOST_STEPS, rows ? Math.floor(rows / 5) : MOST_STEPS) * step;
  const least = Math.max(2 * horizonHours * 60, Math.min(2 * DAY, 100 * step), LEAST_STEPS * step);
  return Math.max(Math.min(season, room), least) / 60;
}

/** Whether what was a week before is known when a forecast is made, and falls on a step. */
export const weekFits = (horizonHours: number, step: number): boolean => horizonHours <= WEEK_HOURS && (WEEK_HOURS * 60) % step === 0;

const constant = ({ statistics: { min, max } }: SeriesInfo): boolean => min != null && min === max;

/** What a session starts with, completed by what was chosen before; what no longer exists is left out. */
export function draftOf(kept: Partial<Draft>, files: readonly FileInfo[]): Draft {
  const series = allSeries(files);
  const ids = new Set(series.map((one) => one.seriesId));
  const targets = (kept.targets ?? []).filter((id) => ids.has(id));
  if (!targets.length && kept.targets === undefined && series[0]) targets.push(series[0].seriesId);
  const first = series.find((one) => one.seriesId === targets[0]);
  const step = first ? stepMinutes(first) : 60;
  const horizon = step >= DAY ? (7 * step) / 60 : 24;
  const rows = first?.statistics.n ?? 0;
  const horizonHours = kept.horizonHours ?? horizon;
  return {
    targets,
    uses: Object.fromEntries(series.map((one) => [one.seriesId, kept.uses?.[one.seriesId] ?? (constant(one) && !targets.includes(one.seriesId) ? "none" : "past")])),
    weekBefore: (WEEK_HOURS * 60) % step ? [] : (kept.weekBefore ?? []).filter((id) => ids.has(id)),
    horizonHours,
    lookbackHours: kept.lookbackHours ?? usualLookback(step, horizonHours, rows),
    strideMinutes: kept.strideMinutes ?? null,
    zone: kept.zone ?? null,
    calendar: { day: step < DAY, week: true, year: rows * step >= YEARS_SEEN, ...kept.calendar },
    holidays: { on: false, country: "AT", subdivision: "", ...kept.holidays },
    split: { train: 70, validation: 20, test: 10, ...kept.split },
    models: Object.fromEntries(MODELS.map((kind) => [kind, { on: CHOSEN.includes(kind), params: {}, ...kept.models?.[kind] }])),
    metric: kept.metric ?? "rmse",
    ensemble: kept.ensemble ?? true,
    accepted: kept.accepted ?? [],
  };
}

/** The zone the times of a series were read in; none where each says its own offset. */
export function zoneRead(one: SeriesInfo | undefined): string | undefined {
  return [one?.quality.clock?.zone, one?.quality.file?.timezone].find((zone) => zone && zone !== "offset") ?? undefined;
}

/** The zone of the calendar: as chosen, else that of the first target's file. */
export function zoneOf(draft: Draft, files: readonly FileInfo[]): string {
  const target = allSeries(files).find((one) => one.seriesId === draft.targets[0]);
  return draft.zone ?? zoneRead(target) ?? "UTC";
}

/**
 * The data set somebody asked for, the same as the command line asks for by the same words. Windows follow the usual
 * step of the first target exactly (never a mean over gaps). The past ends at the reference time; what is known in
 * advance covers the steps to be forecast and as much of the past before them as there is room for.
 */
export function specOf(draft: Draft, files: readonly FileInfo[]): DatasetSpec | null {
  const series = allSeries(files);
  const targets = series.filter((one) => draft.targets.includes(one.seriesId));
  if (!targets[0] || !(draft.horizonHours > 0) || !(draft.lookbackHours > 0)) return null;
  const step = stepMinutes(targets[0]);
  const ahead = Math.max(1, Math.round((draft.horizonHours * 60) / step));
  const back = Math.max(1, Math.round((draft.lookbackHours * 60) / step));
  const hours = (steps: number) => (steps * step) / 60;
  const past = { start: -hours(back - 1) || 0, end: 0 };
  const coming = { start: hours(1), end: hours(ahead) };
  const spread = ahead === 1 ? { start: 0, end: hours(1) } : coming; // room for more than one point
  // A point per step up to the last one, past included; a lookback shorter than the horizon is spread over it.
  const until = (last: number) => (back < last ? spread : { start: hours(last - back + 1), end: hours(last) });
  const inputs = [...targets, ...series.filter((one) => !targets.includes(one))].filter((one) => draft.uses[one.seriesId] !== "none");
  if (!inputs.length) return null;
  const windowed = (one: SeriesInfo, role: "input" | "output", horizon: typeof past) =>
    ({ series_id: one.seriesId, name: one.name, role, horizon }) as SeriesSpec;
  const reachOf = (one: SeriesInfo) => {
    const use = targets.includes(one) ? "past" : draft.uses[one.seriesId];
    return use === "futureOnly" ? spread : use === "future" ? until(ahead) : past;
  };
  const aWeekAgo = (one: SeriesInfo): SeriesSpec => {
    const { start, end } = until(ahead);
    return { ...windowed(one, "input", { start: start - WEEK_HOURS, end: end - WEEK_HOURS }), name: `${one.name}, ${WEEK_HOURS} h before` };
  };
  const on = (enabled: boolean, horizon = until(ahead)) => (enabled ? { enabled, at: "window" as const, horizon, local_time: true, scale: null } : { enabled });
  return {
    series: [
      ...inputs.map((one) => windowed(one, "input", reachOf(one))),
      ...inputs.filter((one) => draft.weekBefore.includes(one.seriesId)).map(aWeekAgo),
      ...targets.map((one) => ({ ...windowed(one, "output", coming), bounded: true })),
    ],
    input_steps: back,
    output_steps: ahead,
    stride: draft.strideMinutes ?? step,
    calendar: {
      year: on(draft.calendar.year),
      week: on(draft.calendar.week),
      day: on(draft.calendar.day),
      // A day more: whether the day after is a holiday is known, and tells something.
      holiday: on(draft.holidays.on, until(ahead + Math.round(DAY / step))),
      timezone: zoneOf(draft, files),
      country: draft.holidays.on ? draft.holidays.country : null,
      subdivision: draft.holidays.on && draft.holidays.subdivision ? draft.holidays.subdivision : null,
    },
    split: { ...draft.split, purge: true, shuffle: false, seed: 0 },
  } as DatasetSpec;
}

/** The models somebody asked for, as the gateway takes them. */
export const modelsOf = (draft: Draft): Record<string, unknown>[] =>
  MODELS.filter((kind) => draft.models[kind]?.on).map((kind) => ({ kind, ...draft.models[kind]?.params }));

/** Warnings that make scores worth nothing; they hold a run back until somebody accepts them. */
export const BLOCKING = ["LOOKS_AHEAD", "SPLIT_LEAKS", "EMPTY_PART"];

export type Obstacle = "noTarget" | "noModel" | "noInput" | "split" | "week" | "noPreview" | "failed" | "leak" | "empty";

/** What keeps a run from being started; empty when nothing does. */
export function obstacles(draft: Draft, preview: Preview | undefined, failed: boolean): Obstacle[] {
  const found: Obstacle[] = [];
  const { train, validation, test } = draft.split;
  if (!draft.targets.length) found.push("noTarget");
  if (!Object.values(draft.uses).some((use) => use !== "none")) found.push("noInput");
  if (!modelsOf(draft).length) found.push("noModel");
  if (Math.abs(train + validation + test - 100) > 1e-6) found.push("split");
  if (draft.weekBefore.some((id) => draft.uses[id] !== "none") && draft.horizonHours > WEEK_HOURS) found.push("week");
  if (found.length) return found;
  if (failed) return ["failed"];
  if (!preview) return ["noPreview"];
  const codes = new Set(preview.findings.map((finding) => finding.code));
  const open = (code: string) => codes.has(code) && !draft.accepted.includes(code);
  if (open("LOOKS_AHEAD") || open("SPLIT_LEAKS")) found.push("leak");
  if ((open("EMPTY_PART") || preview.n_test === 0 || preview.n_validation === 0) && !draft.accepted.includes("EMPTY_PART")) found.push("empty");
  return found;
}
