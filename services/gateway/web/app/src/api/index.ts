// The paths of the gateway this page uses, with the types of its own description.
import createClient from "openapi-fetch";

import { call, Problem, type Refusal } from "../client";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
/** The named fields of an answer that may have others. */
type Named<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
export type Workspace = Omit<Named<Schemas["Workspace"]>, "files"> & { files: FileInfo[] };
export type RunCard = Schemas["RunCard"];
export type SessionCard = Schemas["SessionCard"];
export type SessionCards = Schemas["SessionCards"];
export type DatasetSpec = Schemas["DatasetSpec"];
export type SeriesSpec = Schemas["SeriesSpec"];
export type Preview = Schemas["Preview"];
export type Violin = Schemas["Violin"];
export type PartSpan = Schemas["PartSpan"];
export type DatasetSummary = Schemas["DatasetSummary"];
export type SeriesExcerpt = Schemas["SeriesExcerpt"];
export type ForecastWindow = Schemas["ForecastWindow"];
export type Curve = Schemas["Curve"];
export type ToldProblem = Schemas["Problem"];
export type Forecast = Named<Schemas["Forecast"]>;
export type ForecastSummary = Schemas["ForecastSummary"];
export type Template = Named<Schemas["Template"]>;
export type Version = Schemas["Version"];
export type Versions = Named<Schemas["Versions"]>;
export type MonitoredModel = Schemas["MonitoredModel"];
export type Schedule = Schemas["Schedule"];
export type Firing = Schemas["Firing"];
export type Importance = Schemas["Importance"];

export interface Found {
  count: number;
  lines: number[];
}

/** What ingest found in one series. */
export interface Quality {
  n?: number;
  n_numeric?: number;
  missing?: Found;
  text?: Found;
  texts?: { line: number; cell: string }[];
  infinite?: Found;
  duplicates?: Found;
  unsorted?: Found;
  step_s?: number | null;
  gaps?: { count: number; n_missing: number; first: { after: string; before: string; line: number; n_missing: number }[] };
  outliers?: { low: number | null; high: number | null; found: Found };
  constant?: { count: number; n_rows: number; longest: { line: number; first: string; n_rows: number; value: number }[] };
  clock?: { zone: string; doubled: Found; missing: Found; assumed: Found; interval_end_suspected: boolean } | null;
  file?: {
    encoding?: string; delimiter?: string; decimal?: string; timezone?: string; day_first?: boolean | null;
    time_columns?: string[]; time_format?: string;
  };
}

export interface SeriesInfo {
  seriesId: string;
  name: string;
  column: string;
  statistics: { n: number; n_numeric: number; first_ns: number; last_ns: number; step_min: number; min: number; max: number };
  quality: Quality;
}

export interface FileInfo {
  id: string;
  fileName: string;
  type: "input" | "output";
  status: "receiving" | "uploaded" | "ready" | "rejected";
  totalChunks: number;
  sizeBytes: number | null;
  problem: ToldProblem | null;
  series: SeriesInfo[];
}

export interface Job {
  job_id: string;
  kind: string;
  label: string;
  baseline: boolean;
  trial: number | null;
  trial_of: string | null;
  trial_stage: number | null;
  trial_loss: number | null;
  status: "searching" | "queued" | "running" | "finished" | "failed" | "cancelled";
  progress: number;
  epoch: number | null;
  total_epochs: number | null;
  eta_seconds: number | null;
  seconds: number | null;
  problem: ToldProblem | null;
}

export interface RunStatus {
  run_id: string | null;
  dataset_id: string;
  status: "idle" | "queued" | "running" | "completed" | "failed" | "cancelled";
  progress: number;
  phase: string;
  jobs: Job[];
  eta_seconds: number | null;
  started_at: string | null;
  completed_at: string | null;
  cancel_requested: boolean;
  problem: ToldProblem | null;
}

export type Scores = Record<string, number | null>;

export interface BoardRow {
  rank: number | null;
  job_id: string;
  label: string;
  kind: string;
  is_baseline: boolean;
  skill: number | null;
  reason: string | null;
  validation: Scores;
  test: Scores;
}

export interface Claim {
  best: string;
  other: string;
  comparison: { winner: "first" | "second" | "tie"; relative: number | null; p_value: number | null; reason: string | null };
}

export interface Results {
  run_id: string;
  dataset_id: string;
  status: string;
  report: string;
  best_model: { job_id: string; label: string; kind: string; metrics: Scores } | null;
  leaderboard: {
    metric?: string;
    rows?: BoardRow[];
    claims?: Claim[];
    ensemble?: { members: { label: string; weight: number }[]; reason: string | null };
  };
  models: {
    job_id: string; label: string; kind: string; baseline: boolean; status: string; seconds: number | null;
    parameters: Record<string, unknown>; notes: Record<string, unknown>; headline: Scores; problem: ToldProblem | null;
  }[];
  problem: ToldProblem | null;
}

const api = createClient<paths>({ baseUrl: "/api/training" });

/** Return the answer, or throw the refusal as a problem. */
async function answer<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok || data === undefined) throw new Problem((error ?? {}) as Partial<Refusal>, response.status);
  return data;
}

export type Sort = "newest" | "oldest" | "name" | "changed";

export const getSessions = (search: string, sort: Sort, offset: number, limit = 50) =>
  answer(api.GET("/sessions", { params: { query: { search, sort, offset, limit } } }));
export const getDemo = () => answer(api.GET("/demo"));
export const getWorkspace = async (sid: string) =>
  (await answer(api.GET("/workspace/{sid}", { params: { path: { sid } } }))) as unknown as Workspace;
export const keepDraft = (sid: string, draft: Record<string, unknown>) =>
  answer(api.PUT("/draft/{sid}", { params: { path: { sid } }, body: { draft: draft as never } }));
export const getPreview = (sid: string, dataset: DatasetSpec) =>
  answer(api.POST("/preview/{sid}", { params: { path: { sid } }, body: { dataset } as never }));
export const getDataset = (sid: string, dataset_id: string) =>
  answer(api.GET("/datasets/{sid}/{dataset_id}", { params: { path: { sid, dataset_id } } }));
export const getSeries = (sid: string, series_id: string, from_ms?: number, to_ms?: number, points = 1600) =>
  answer(api.GET("/series/{sid}/{series_id}", { params: { path: { sid, series_id }, query: { from_ms, to_ms, points } } }));
export const getHistory = (sid: string, run_id: string) =>
  answer(api.GET("/history/{sid}", { params: { path: { sid }, query: { run_id } } }));
export const getForecast = (sid: string, query: { run_id: string; job_id?: string; window?: number; at_ms?: number }) =>
  answer(api.GET("/test-forecasts/{sid}", { params: { path: { sid }, query } }));
export const getImportance = (sid: string, run_id: string, job_id: string) =>
  answer(api.GET("/feature-importance/{sid}", { params: { path: { sid }, query: { run_id, job_id } } }));

export interface ForecastOrder {
  run_id?: string;
  model?: string;
  horizon?: number;
  future?: Record<string, Record<string, number>>;
}

export const makeForecast = (sid: string, order: ForecastOrder) =>
  answer(api.POST("/forecast/{sid}", { params: { path: { sid } }, body: order as never })) as Promise<Forecast>;
export const readForecast = (sid: string, forecast_id: string) =>
  answer(api.GET("/forecasts/{sid}/{forecast_id}", { params: { path: { sid, forecast_id } } })) as Promise<Forecast>;
export const listForecasts = (sid: string, limit = 20) =>
  answer(api.GET("/forecasts/{sid}", { params: { path: { sid }, query: { limit } } })) as Promise<{ forecasts: ForecastSummary[]; count: number }>;
export const getTemplate = (sid: string, model: string, run_id?: string) =>
  answer(api.GET("/forecast/{sid}/template", { params: { path: { sid }, query: { model, ...(run_id ? { run_id } : {}) } } })) as Promise<Template>;
export const addRows = (file_id: string, csv: string) =>
  answer(api.POST("/csv-files/{file_id}/rows", { params: { path: { file_id } }, body: { csv } as never }));
export const getVersions = (sid: string) => answer(api.GET("/models/{sid}", { params: { path: { sid } } })) as Promise<Versions>;
export const promoteModel = (sid: string, body: { version: number } | { model: string; run_id: string }) =>
  answer(api.POST("/models/{sid}/promote", { params: { path: { sid } }, body: body as never }));
export const rollBack = (sid: string) =>
  answer(api.POST("/models/{sid}/rollback", { params: { path: { sid } }, body: {} as never }));
export const retireModel = (sid: string, version: number) =>
  answer(api.POST("/models/{sid}/retire", { params: { path: { sid } }, body: { version } as never }));
export const getMonitoring = (sid: string) =>
  answer(api.GET("/forecasts/{sid}/monitoring", { params: { path: { sid } } })) as Promise<Named<Schemas["Monitoring"]>>;
export const getSchedules = (sid: string) => answer(api.GET("/schedules/{sid}", { params: { path: { sid } } }));
export const makeSchedule = (sid: string, order: Omit<Partial<Schedule>, "schedule_id"> & { at: string; timezone: string }) =>
  answer(api.POST("/schedules/{sid}", { params: { path: { sid } }, body: order as never }));
export const pauseSchedule = (sid: string, schedule_id: string, paused: boolean) =>
  answer(api.PUT("/schedules/{sid}/{schedule_id}", { params: { path: { sid, schedule_id } }, body: { enabled: !paused } }));
export const removeSchedule = (sid: string, schedule_id: string) =>
  answer(api.DELETE("/schedules/{sid}/{schedule_id}", { params: { path: { sid, schedule_id } } }));
export const answerFile = (file_id: string, options: Record<string, unknown>) =>
  call("POST", `/csv-files/${file_id}/answer`, { options });

export const getStatus = (sid: string, run: string) => call<RunStatus>("GET", `/status/${sid}?run_id=${run}`);
export const getResults = (sid: string, run: string) => call<Results>("GET", `/results/${sid}?run_id=${run}`);
export const startRun = (sid: string, body: Record<string, unknown>) =>
  call<{ run_id: string }>("POST", `/run/${sid}`, body);
export const stopRun = (sid: string, run_id: string, job_id?: string) =>
  call("POST", `/cancel/${sid}`, { run_id, ...(job_id ? { job_id } : {}) });
export const removeFile = (id: string) => call("DELETE", `/csv-files/${id}`);
export const openSession = async (name: string) =>
  (await call<{ sessionUuid: string }>("POST", "/init-session", { sessionName: name })).sessionUuid;
export const renameSession = (sid: string, name: string) =>
  call("POST", "/session-name-change", { sessionId: sid, sessionName: name });
export const deleteSession = (sid: string) => call("POST", `/session/${sid}/delete?force=true`);
