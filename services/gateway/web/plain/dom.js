// Elements in one line, and figures as people read them.

/** Make an element: `h("p", { class: "soft" }, "text", child)`. Text is always text, never markup. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Say something to a screen reader. */
export const say = (text) => { document.getElementById("say").textContent = text; };

/** Show a refusal: what was found, and what to do. */
export const problem = (error) => h("div", { class: "problem", role: "alert" }, h("strong", {}, error.message),
  error.suggestions?.length ? h("ul", {}, error.suggestions.map((text) => h("li", {}, text))) : null);

export const number = (value, digits = 4) => value == null ? "–"
  : Number(value).toLocaleString("en", { maximumSignificantDigits: digits });

export const duration = (seconds) => seconds == null ? ""
  : seconds >= 3600 ? `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`
  : seconds >= 60 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
  : `${Math.max(0, seconds).toFixed(seconds < 10 ? 1 : 0)} s`;

const SVG = "http://www.w3.org/2000/svg";

/** Draw lines over a common x axis: `[{ label, points: [[x, y], ...] }]`. */
export function lineChart(lines, label) {
  const [width, height, left, bottom] = [640, 220, 46, 24];
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const x = (value) => left + (value - x0) / (x1 - x0 || 1) * (width - left - 8);
  const y = (value) => height - bottom - (value - y0) / (y1 - y0 || 1) * (height - bottom - 8);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (const value of [y0, (y0 + y1) / 2, y1]) {
    svg.append(shape("line", { x1: left, x2: width - 8, y1: y(value), y2: y(value), stroke: "var(--line)" }),
      shape("text", { x: 2, y: y(value) + 4 }, number(value, 3)));
  }
  lines.forEach((line, k) => {
    const d = line.points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    const colour = `var(--c${k % 7})`;
    svg.append(shape("path", { d, fill: "none", stroke: colour, "stroke-width": 2 }),
      shape("text", { x: left + 100 * k, y: height - 6, style: `fill:${colour}` }, line.label));
  });
  return svg;
}

function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
