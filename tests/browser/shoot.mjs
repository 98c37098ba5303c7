// Takes a picture of every state, in both themes and two widths, of the built page and recorded answers: no platform,
// no network, one font, a clock that stands still. Prints as one JSON object what was asked for and not recorded, and what
// sticks out at 320 points in either language.
// Usage: node shoot.mjs <folder of the built page> <chromium> <recorded answers> <folder of fonts> <folder for pictures> [states]
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

import { show, statesOf } from "./states.mjs";

const [dist, executablePath, recorded, fonts, pictures, only = ""] = process.argv.slice(2);
const ORIGIN = "http://localhost:9"; // nobody is there: every request is answered here
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const { at, ids, answers: all } = JSON.parse(readFileSync(recorded, "utf8"));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-lcd-text", "--font-render-hinting=none"], timeout: 120_000 });
const seen = { chromium: browser.version(), missing: [], errors: [], failed: [], wide: [], pictures: 0 };
const font = (name, weight) => `@font-face { font-family: Pinned; font-weight: ${weight}; src: url(/pinned/${name}.ttf); }`;
const STYLE = `${font("DejaVuSans", "100 500")} ${font("DejaVuSans-Bold", "501 900")} :root { --font: Pinned !important; --mono: Pinned !important; } input, select, button { font-family: Pinned !important; } * { caret-color: transparent !important; }`;

function pin(style) {
  const { set, get } = Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, "font");
  Object.defineProperty(CanvasRenderingContext2D.prototype, "font", { get, set(value) { set.call(this, value.replace(/(px(?:\/\S+)?) .*/, "$1 Pinned")); } });
  addEventListener("DOMContentLoaded", () => { const own = new CSSStyleSheet(); own.replaceSync(style); document.adoptedStyleSheets = [own]; });
}

/** Switch the language without leaving the state, dialogs included. */
async function inGerman(page) {
  await page.evaluate(() => [...document.querySelectorAll("button.icon")].find((one) => one.textContent === "DE").click());
  await page.waitForFunction(() => document.documentElement.lang === "de");
}

async function fulfil(route, answers) {
  const { pathname, search } = new URL(route.request().url());
  if (pathname.startsWith("/pinned/")) return route.fulfill({ path: join(fonts, pathname.slice(8)) });
  if (!pathname.startsWith("/api/")) {
    const file = join(dist, pathname);
    const found = extname(pathname) && existsSync(file) ? file : join(dist, "index.html");
    return route.fulfill({ path: found, contentType: TYPES[extname(found)] ?? "application/octet-stream" });
  }
  const key = `${route.request().method()} ${pathname}${search}`;
  if (key.startsWith("PUT ")) return route.fulfill({ json: { success: true } });
  const answer = answers[key];
  if (!answer) seen.missing.push(key);
  return route.fulfill({ status: answer?.status ?? 404, json: answer?.body ?? { success: false, code: "NOTHING_THERE", error: "not recorded" } });
}

for (const theme of ["light", "dark"]) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Vienna", locale: "en", reducedMotion: "reduce", colorScheme: theme });
  await context.addInitScript((one) => { localStorage.setItem("trainyard-language", "en"); localStorage.setItem("trainyard-theme", one); }, theme);
  await context.addInitScript(pin, STYLE);
  for (const [name, state] of Object.entries(statesOf(ids))) {
    if (only && !only.split(",").includes(name)) continue;
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => seen.errors.push(`${name}: ${error.message}`));
    await page.clock.setFixedTime(new Date(at));
    await page.routeWebSocket(/.*/, () => {});
    const answers = state.answers?.(all) ?? all;
    await page.route("**/*", (route) => fulfil(route, answers));
    try {
      await show(page, ORIGIN, state);
      await page.evaluate(() => document.fonts.ready);
      await page.mouse.move(0, 0);
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.evaluate(() => document.querySelector("nav.steps [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
        await page.waitForTimeout(250);
        await page.screenshot({ path: join(pictures, `${name}-${theme}-${width}.png`), fullPage: true, animations: "disabled" });
        seen.pictures++;
      }
      await page.setViewportSize({ width: 320, height: 800 });
      for (const language of ["en", "de"]) {
        if (language === "de") await inGerman(page);
        await page.waitForTimeout(120);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) seen.wide.push(`${name} ${language} ${theme}: ${over}`);
      }
    } catch (error) {
      seen.failed.push(`${name} ${theme}: ${error.message.split("\n")[0]}`);
    }
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify({ ...seen, missing: [...new Set(seen.missing)] }));
process.exit();
