// Lines over time on a canvas: zoom by dragging, values under the cursor, a table of the same numbers.
import "uplot/dist/uPlot.min.css";

import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";

import { t, useLanguage } from "../i18n";
import { figure, moment } from "../ui/format";
import { saveCsv } from "../ui/parts";
import { colour, useTheme } from "../ui/theme";

export interface Line {
  label: string;
  values: (number | null)[];
  stroke: string; // a colour of the style sheet, without the dashes
  width?: number;
  dash?: number[];
  hidden?: boolean;
}

export interface Band {
  label: string;
  lower: (number | null)[];
  upper: (number | null)[];
  alpha: number;
}

export interface Shade {
  from: number; // Unix milliseconds
  to: number;
  colour: string;
}

interface Props {
  x: number[]; // Unix milliseconds, or plain numbers with `numeric`
  lines: Line[];
  bands?: Band[];
  shades?: Shade[];
  now?: number;
  height?: number;
  zone?: string;
  summary: string;
  name: string;
  numeric?: boolean;
  logarithmic?: boolean;
  xLabel?: string;
  unit?: string;
  sync?: string;
  onZoom?: (from: number, to: number) => void;
}

const withAlpha = (alpha: number) => `rgba(${colour("band")}, ${alpha})`;

export default function TimeChart(props: Props) {
  const theme = useTheme();
  const lang = useLanguage();
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [table, setTable] = useState(false);
  const [zoomed, setZoomed] = useState(false);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = JSON.stringify([props.lines.map((l) => [l.label, l.stroke, l.width, l.dash]), props.bands?.map((b) => b.alpha), props.height, props.numeric, props.logarithmic, props.zone, theme, lang]);

  // biome-ignore lint: the chart is made anew only when its shape is another one
  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const made = new uPlot(optionsOf(latest, box.clientWidth, setAt, setZoomed), dataOf(latest.current), box);
    chart.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: latest.current.height ?? 300 }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape]);

  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    made.setData(dataOf(latest.current), !zoomed);
    if (zoomed) made.redraw(false, true);
  }, [props.x, props.lines, props.bands, zoomed]);

  const { x, lines, bands = [], summary, zone = "UTC", numeric } = props;
  const label = (k: number) => (numeric ? figure(x[k], 6) : moment(x[k] as number, zone));
  const rows = () => x.map((_, k) => [numeric ? x[k] : new Date(x[k] as number).toISOString(), ...lines.map((line) => line.values[k]), ...bands.flatMap((band) => [band.lower[k], band.upper[k]])]);
  const heads = [props.xLabel ?? t("chart.time"), ...lines.map((line) => line.label), ...bands.flatMap((band) => [`${band.label} ${t("chart.from")}`, `${band.label} ${t("chart.to")}`])];
  return (
    <figure className="stack tight">
      <div className="row between">
        <div className="legend" aria-hidden="true">
          {lines.map((line) => (
            <span key={line.label}>
              <i className={line.dash ? "swatch dash" : "swatch"} style={{ color: `var(--${line.stroke})` }} />
              {line.label}{at !== null && <b>{figure(line.values[at])}</b>}
            </span>
          ))}
          {bands.map((band) => <span key={band.label}><i className="swatch area" style={{ background: `rgba(var(--band), ${band.alpha + 0.12})` }} />{band.label}</span>)}
        </div>
        <span className="legend num" aria-hidden="true">{at === null ? props.unit ?? "" : label(at)}</span>
      </div>
      <div ref={place} className="chart" role="img" aria-label={summary} style={{ minHeight: props.height ?? 300 }} />
      <div className="row no-print">
        <button type="button" className="quiet small" aria-expanded={table} onClick={() => setTable(!table)}>{table ? t("chart.hideTable") : t("chart.table")}</button>
        <button type="button" className="quiet small" onClick={() => saveCsv(`${props.name}.csv`, [heads, ...rows()])}>CSV</button>
        {zoomed && <button type="button" className="quiet small" onClick={() => { const whole = latest.current.x; chart.current?.setScale("x", { min: scaled(whole[0] ?? 0, numeric), max: scaled(whole.at(-1) ?? 1, numeric) }); setZoomed(false); }}>{t("chart.whole")}</button>}
        {!zoomed && <span className="small soft hide-small">{t("chart.drag")}</span>}
      </div>
      {table && (
        <div className="scroll" style={{ maxHeight: 340 }} tabIndex={0} role="region" aria-label={summary}>
          <table>
            <thead><tr>{heads.map((head, k) => <th key={head} scope="col" className={k ? "num" : ""}>{head}</th>)}</tr></thead>
            <tbody>{rows().slice(0, 400).map((row, k) => <tr key={String(row[0])}><th scope="row" className="nowrap">{label(k)}</th>{row.slice(1).map((value, c) => <td key={heads[c + 1]} className="num">{figure(value as number | null)}</td>)}</tr>)}</tbody>
          </table>
        </div>
      )}
    </figure>
  );
}

const few = (values: ArrayLike<number | null | undefined>) => {
  let n = 0;
  for (let k = 0; k < values.length && n < 3; k++) if (values[k] != null) n++;
  return n < 3;
};

const scaled = (value: number, numeric?: boolean) => (numeric ? value : value / 1000);

function dataOf({ x, lines, bands = [], numeric }: Props): uPlot.AlignedData {
  const columns = [...bands.flatMap((band) => [band.upper, band.lower]), ...lines.map((line) => line.values)];
  return [numeric ? x : x.map((ms) => ms / 1000), ...columns] as uPlot.AlignedData;
}

function optionsOf(
  latest: { readonly current: Props }, width: number, setAt: (at: number | null) => void, setZoomed: (is: boolean) => void,
): uPlot.Options {
  const { lines, bands = [], height = 300, zone = "UTC", numeric, logarithmic, sync } = latest.current;
  const soft = colour("soft");
  const grid = { stroke: colour("line"), width: 1 };
  const font = '12px system-ui, "DejaVu Sans", sans-serif';
  const axis = { stroke: soft, grid, ticks: { ...grid, size: 5 }, font };
  const bandSeries = bands.flatMap(() => [{ stroke: "transparent", width: 0, points: { show: false } }, { stroke: "transparent", width: 0, points: { show: false } }]);
  return {
    width, height,
    ...(numeric ? {} : { tzDate: (ts: number) => uPlot.tzDate(new Date(ts * 1000), zone) }),
    legend: { show: false },
    padding: [10, 24, 0, 0],
    cursor: {
      y: false,
      points: { size: 7 },
      ...(sync ? { sync: { key: sync } } : {}),
      drag: { x: true, y: false, dist: 6 },
    },
    scales: { x: { time: !numeric }, y: { distr: logarithmic ? 3 : 1, ...(logarithmic ? {} : { range: (_u, min, max) => { const room = (max - min || Math.abs(max) || 1) * 0.06; return [min - room, max + room]; } }) } },
    axes: [
      { ...axis, size: numeric ? 34 : 48, space: 70, ...(numeric ? { values: (_u: uPlot, ticks: number[]) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : "")) } : { values: (u: uPlot, ticks: number[]) => ticksOf(u, ticks, zone) }) },
      { ...axis, size: (u, values) => Math.max(40, 14 + Math.max(0, ...(values ?? []).map((value) => u.ctx.measureText(value ?? "").width / devicePixelRatio))), values: (_u, ticks) => ticks.map((tick) => (logarithmic && !/^1|^0\.0*[125]|^[125]/.test(String(tick)) ? "" : figure(tick, 4))) },
    ],
    series: [
      {},
      ...bandSeries,
      ...lines.map((line) => ({
        label: line.label, stroke: colour(line.stroke), width: line.width ?? 1.8, ...(line.dash ? { dash: line.dash } : {}),
        points: { show: (u: uPlot, k: number) => few(u.data[k] ?? []), size: 5 }, // a line of one or two values is none to see
        spanGaps: Boolean(logarithmic), // a fit does not tell every epoch
      })),
    ],
    bands: bands.map((band, k) => ({ series: [2 * k + 1, 2 * k + 2] as [number, number], fill: withAlpha(band.alpha) })),
    hooks: {
      setCursor: [(u) => setAt(u.cursor.idx ?? null)],
      setSelect: [(u) => {
        if (u.select.width <= 0) return;
        setZoomed(true);
        const k = numeric ? 1 : 1000;
        latest.current.onZoom?.(u.posToVal(u.select.left, "x") * k, u.posToVal(u.select.left + u.select.width, "x") * k);
      }],
      drawClear: [(u) => shadesOf(u, latest.current)],
      draw: [(u) => nowOf(u, latest.current.now)],
    },
  };
}

function shadesOf(u: uPlot, { shades = [] }: Props): void {
  const { top, height, left, width } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  for (const shade of shades) {
    const a = u.valToPos(shade.from / 1000, "x", true);
    const b = u.valToPos(shade.to / 1000, "x", true);
    u.ctx.globalAlpha = 0.22;
    u.ctx.fillStyle = colour(shade.colour);
    u.ctx.fillRect(a, top, Math.max(2 * devicePixelRatio, b - a), height);
  }
  u.ctx.restore();
}

function nowOf(u: uPlot, now: number | undefined): void {
  if (now === undefined) return;
  const x = Math.round(u.valToPos(now / 1000, "x", true));
  u.ctx.save();
  u.ctx.strokeStyle = colour("strong-line");
  u.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  u.ctx.beginPath();
  u.ctx.moveTo(x, u.bbox.top);
  u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
  u.ctx.stroke();
  u.ctx.restore();
}

function ticksOf(u: uPlot, ticks: number[], timeZone: string): string[] {
  const span = (u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0);
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0); // of the marks: days want a date, hours a time and a date where a day begins
  const locale = document.documentElement.lang === "de" ? "de-AT" : "en-GB";
  const options: Intl.DateTimeFormatOptions = span > 86_400 * 120 ? { month: "short", year: "2-digit" } : step >= 86_400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const text = new Intl.DateTimeFormat(locale, { ...options, timeZone });
  const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone });
  return ticks.map((tick, k) => {
    const said = text.format(tick * 1000);
    const newDay = step < 86_400 && span <= 86_400 * 120 && (k === 0 || date.format(tick * 1000) !== date.format((ticks[k - 1] as number) * 1000));
    return newDay ? `${said}\n${date.format(tick * 1000)}` : said;
  });
}
