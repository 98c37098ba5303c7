// Small pictures of a few shapes each, drawn as SVG: spread of values, errors by hour, bars.
import type { PartSpan, Violin } from "../api";
import { t, useLanguage } from "../i18n";
import { day, figure, whole } from "../ui/format";

/** How the values of one column are spread, with quartiles. */
export function ViolinShape({ violin }: { violin: Violin }) {
  useLanguage();
  const [width, height] = [160, 150];
  const { grid, density } = violin;
  const low = grid[0] ?? violin.min;
  const high = grid.at(-1) ?? violin.max;
  const y = (value: number) => 8 + (1 - (value - low) / (high - low || 1)) * (height - 16);
  const most = Math.max(...density, 1e-300);
  const side = (sign: number) => density.map((d, k) => `${(64 + (sign * 44 * d) / most).toFixed(1)},${y(grid[k] as number).toFixed(1)}`);
  const fill = violin.role === "input" ? "var(--c1)" : "var(--c0)";
  const label = t("violin.summary", { name: violin.label, median: figure(violin.median), low: figure(violin.min), high: figure(violin.max) });
  return (
    <figure>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} width="100%">
        {density.length > 0 && <polygon points={[...side(1), ...side(-1).reverse()].join(" ")} fill={fill} fillOpacity={0.28} stroke={fill} />}
        <line x1={64} x2={64} y1={y(violin.q1)} y2={y(violin.q3)} stroke={fill} strokeWidth={6} strokeLinecap="round" />
        <circle cx={64} cy={y(violin.median)} r={3.4} fill="var(--surface)" stroke={fill} strokeWidth={2} />
        <text x={114} y={14}>{figure(violin.max, 3)}</text>
        <text x={114} y={y(violin.median) + 4}>{figure(violin.median, 3)}</text>
        <text x={114} y={height - 4}>{figure(violin.min, 3)}</text>
      </svg>
      <figcaption className="small"><strong>{violin.label}</strong> <span className="soft">{violin.role === "input" ? t("role.in") : t("role.out")}</span></figcaption>
    </figure>
  );
}

/** Where training, validation and test lie on the time axis; what is hatched belongs to none. */
export function SplitBar({ parts, zone }: { parts: readonly PartSpan[]; zone: string }) {
  useLanguage();
  const known = parts.filter((part) => part.first_ms !== null && part.last_ms !== null);
  if (!known.length) return null;
  const from = Math.min(...known.map((part) => part.first_ms as number));
  const to = Math.max(...known.map((part) => part.last_ms as number));
  const place = (ms: number) => (100 * (ms - from)) / (to - from || 1);
  return (
    <div className="stack tight">
      <div className="splitbar" role="img" aria-label={known.map((p) => `${t(`part.${p.part}`)}: ${day(p.first_ms as number, zone)} – ${day(p.last_ms as number, zone)}`).join("; ")}>
        {known.map((part) => (
          <div key={part.part} style={{ left: `${place(part.first_ms as number)}%`, width: `${Math.max(0.6, place(part.last_ms as number) - place(part.first_ms as number))}%`, background: `var(--${part.part})` }} />
        ))}
      </div>
      <div className="legend">
        {parts.map((part) => (
          <span key={part.part}><i className="swatch area" style={{ background: `var(--${part.part})` }} />{t(`part.${part.part}`)} <b>{whole(part.n)}</b>
            {part.first_ms !== null && part.last_ms !== null && <span className="hide-small">{day(part.first_ms, zone)} – {day(part.last_ms, zone)}</span>}</span>
        ))}
      </div>
    </div>
  );
}

/** Errors by weekday and hour: the darker the larger. */
export function HeatMap({ values, days, label }: { values: (number | null)[][]; days: string[]; label: string }) {
  const flat = values.flat().filter((v): v is number => v !== null);
  const [low, high] = [Math.min(...flat), Math.max(...flat)];
  const cell = 26;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <svg viewBox={`0 0 ${40 + 24 * cell} ${22 + values.length * cell}`} style={{ minWidth: 560, width: "100%" }} role="img" aria-label={label}>
        {[0, 3, 6, 9, 12, 15, 18, 21].map((hour) => <text key={hour} x={40 + hour * cell + 2} y={14}>{String(hour).padStart(2, "0")}</text>)}
        {values.map((row, weekday) => (
          <g key={days[weekday]}>
            <text x={0} y={22 + weekday * cell + 17}>{days[weekday]}</text>
            {row.map((value, hour) => value !== null && (
              <rect key={hour} x={40 + hour * cell} y={20 + weekday * cell} width={cell - 2} height={cell - 2} rx={3} fill="var(--forecast)" fillOpacity={0.08 + 0.85 * ((value - low) / (high - low || 1))}>
                <title>{`${days[weekday]} ${hour}:00 – ${figure(value)}`}</title>
              </rect>
            ))}
          </g>
        ))}
      </svg>
    </div>
  );
}

/** Horizontal bars with their figures beside them. */
export function Bars({ rows, label }: { rows: { name: string; value: number; note?: string; said: string }[]; label: string }) {
  const most = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-12);
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <table aria-label={label}>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row" style={{ width: "30%" }}>{row.name}{row.note && <span className="soft small"> {row.note}</span>}</th>
              <td aria-hidden="true"><div style={{ height: 12, borderRadius: 4, width: `${Math.max(0.5, (100 * Math.abs(row.value)) / most)}%`, background: "var(--c0)" }} /></td>
              <td className="num">{row.said}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A histogram with zero marked. */
export function Histogram({ edges, counts, label }: { edges: number[]; counts: number[]; label: string }) {
  const [width, height] = [640, 170];
  const most = Math.max(...counts, 1);
  const low = edges[0] ?? 0;
  const high = edges.at(-1) ?? 1;
  const x = (value: number) => ((value - low) / (high - low || 1)) * width;
  return (
    <svg viewBox={`0 0 ${width} ${height + 18}`} width="100%" role="img" aria-label={label}>
      {counts.map((n, k) => <rect key={edges[k]} x={x(edges[k] as number) + 0.5} width={Math.max(1, x(edges[k + 1] as number) - x(edges[k] as number) - 1)} y={height - (n / most) * height} height={(n / most) * height} fill="var(--c0)" fillOpacity={0.7} />)}
      {low < 0 && high > 0 && <line x1={x(0)} x2={x(0)} y1={0} y2={height} stroke="var(--strong-line)" strokeDasharray="4 4" />}
      <text x={0} y={height + 14}>{figure(low, 3)}</text>
      {low < 0 && high > 0 && <text x={x(0)} y={height + 14} textAnchor="middle">0</text>}
      <text x={width} y={height + 14} textAnchor="end">{figure(high, 3)}</text>
    </svg>
  );
}
