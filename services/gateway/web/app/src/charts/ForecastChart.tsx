// What a model forecast for one day beside what came, with its bands, and the days before and after.
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo } from "react";
import { useSearchParams } from "react-router";

import { type ForecastWindow, getForecast } from "../api";
import { t, useLanguage } from "../i18n";
import { figure, isoDay, moment, percent, startOfDay, whole } from "../ui/format";
import { Loading, Trouble } from "../ui/parts";

const TimeChart = lazy(() => import("./TimeChart"));

const number = (text: string | null) => (text !== null && /^\d+$/.test(text) ? Number(text) : undefined);

export function ForecastChart({ sid, rid, jid, zone = Intl.DateTimeFormat().resolvedOptions().timeZone, height = 320 }: { sid: string; rid: string; jid: string; zone?: string; height?: number }) {
  useLanguage();
  const queries = useQueryClient();
  const [params, setParams] = useSearchParams();
  const window = number(params.get("window"));
  const day = params.get("day");
  const at = day && /^\d{4}-\d\d-\d\d$/.test(day) ? startOfDay(day, zone) - 3_600_000 : undefined;
  const query = { run_id: rid, job_id: jid, ...(window !== undefined ? { window } : at !== undefined ? { at_ms: at } : {}) };
  const key = (asked: object) => ["forecast", rid, jid, JSON.stringify(asked)];
  const asked = useQuery({ queryKey: key(query), queryFn: () => getForecast(sid, query), placeholderData: keepPreviousData, staleTime: Number.POSITIVE_INFINITY });
  const shown = asked.data;
  const steps = shown?.outputs[0]?.times.length ?? 24;
  const go = (to: number) => setParams((before) => { const next = new URLSearchParams(before); next.delete("day"); next.set("window", String(to)); return next; }, { replace: true });
  const last = (shown?.n_windows ?? 1) - 1;
  const number_ = shown?.window ?? 0;

  // The next day is fetched before anybody asks for it.
  // biome-ignore lint: queries and keys are the same all the time
  useEffect(() => {
    if (!shown || number_ + steps > last) return;
    const next = { run_id: rid, job_id: jid, window: number_ + steps };
    void queries.prefetchQuery({ queryKey: key(next), queryFn: () => getForecast(sid, next), staleTime: Number.POSITIVE_INFINITY });
  }, [shown]);

  if (asked.isError) return <Trouble error={asked.error} again={() => void asked.refetch()} />;
  if (!shown) return <div style={{ minHeight: height + 110 }}><Loading /></div>;
  return (
    <div className="stack">
      <div className="row no-print">
        <button type="button" onClick={() => go(Math.max(0, number_ - steps))} disabled={number_ === 0} aria-label={t("forecast.before")}>‹</button>
        <input type="date" aria-label={t("forecast.day")} value={isoDay((shown.outputs[0]?.times[0] ?? shown.reference_ms), zone)} min={isoDay(shown.first_reference_ms, zone)} max={isoDay(shown.last_reference_ms, zone)} onChange={(event) => event.target.value && setParams((before) => { const next = new URLSearchParams(before); next.delete("window"); next.set("day", event.target.value); return next; }, { replace: true })} />
        <button type="button" onClick={() => go(Math.min(last, number_ + steps))} disabled={number_ >= last} aria-label={t("forecast.after")}>›</button>
        <input type="range" min={0} max={last} value={number_} aria-label={t("forecast.window")} onChange={(event) => go(Number(event.target.value))} style={{ flex: "1 1 120px", minWidth: 100, padding: 0, border: 0 }} />
        <span className="soft small num">{t("forecast.number", { n: whole(number_ + 1), all: whole(shown.n_windows) })}</span>
      </div>
      {shown.outputs.map((output) => <Output key={output.name} output={output} shown={shown} zone={zone} height={height} />)}
    </div>
  );
}

function Output({ output, shown, zone, height }: { output: ForecastWindow["outputs"][number]; shown: ForecastWindow; zone: string; height: number }) {
  const drawn = useMemo(() => {
    const past = output.past_times.slice(-Math.max(48, output.times.length * 2));
    const values = output.past.slice(-past.length);
    const none = <T,>(n: number): (T | null)[] => new Array(n).fill(null);
    const x = [...past, ...output.times];
    const after = (list: (number | null)[]) => [...none<number>(past.length), ...list];
    return {
      x,
      lines: [
        ...(past.length ? [{ label: t("line.past"), values: [...values, ...none<number>(output.times.length)], stroke: "past", width: 1.5 }] : []),
        { label: t("line.actual"), values: after(output.actual), stroke: "actual", width: 1.8 },
        { label: t("line.forecast"), values: after(output.forecast), stroke: "forecast", width: 2.2, dash: [7, 4] },
      ],
      bands: [...output.bands].sort((a, b) => b.level - a.level).filter((band) => band.lower.some((v) => v !== null)).map((band, k) => ({ label: percent(band.level, 0), lower: after(band.lower), upper: after(band.upper), alpha: 0.1 + 0.07 * k })),
    };
    // biome-ignore lint: texts follow the language, and so does the output's component
  }, [output]);
  const errors = output.actual.map((value, k) => (value === null || output.forecast[k] == null ? null : Math.abs(value - (output.forecast[k] as number)))).filter((e): e is number => e !== null);
  const mae = errors.length ? errors.reduce((a, b) => a + b, 0) / errors.length : null;
  return (
    <div>
      <div className="row between"><strong>{output.name}</strong><span className="soft small num">{t("forecast.mae", { mae: figure(mae, 3) })}</span></div>
      <Suspense fallback={<div style={{ minHeight: height + 60 }}><Loading /></div>}>
        <TimeChart {...drawn} now={shown.reference_ms} zone={zone} height={height} name={`forecast-${output.name}-${shown.window}`} summary={t("forecast.summary", { name: output.name, model: shown.label, when: moment(shown.reference_ms, zone), mae: figure(mae, 3) })} sync="forecast" unit={t("forecast.from", { when: moment(shown.reference_ms, zone) })} />
      </Suspense>
    </div>
  );
}
