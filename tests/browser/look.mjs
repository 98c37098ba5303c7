// Looks at every screen in both themes, two widths and two languages: axe, what sticks out, small targets.
// Usage: node look.mjs <url> <chromium> <axe.min.js> <address of a run> <address of a model> <folder for pictures>
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, axe, run, model, pictures] = process.argv.slice(2);
const session = run.replace(/\/runs\/.*$/, "");
const screens = {
  sessions: `${url}/`, data: `${session}/data`, setup: `${session}/setup`, runs: `${session}/runs`, run, model: model.split("?")[0],
  errors: `${model.split("?")[0]}?view=errors`, training: `${model.split("?")[0]}?view=training`, files: `${model.split("?")[0]}?view=files`,
  forecast: `${session}/forecast`, models: `${session}/models`, settings: `${url}/settings`, missing: `${url}/nothing/here`,
};
const source = readFileSync(axe, "utf8");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const found = { axe: [], small: [], wide: [], screens: 0 };

for (const language of ["en", "de"]) for (const theme of ["light", "dark"]) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Vienna", reducedMotion: "reduce" });
  await context.addInitScript(([l, t]) => { localStorage.setItem("trainyard-language", l); localStorage.setItem("trainyard-theme", t); }, [language, theme]);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  for (const [name, address] of Object.entries(screens)) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(address, { waitUntil: "load" });
    await page.waitForSelector("h1, .empty h2");
    await page.waitForFunction(() => !document.querySelector(".spin")).catch(() => {});
    await page.waitForTimeout(250);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(120);
      const where = `${name} ${language} ${theme} ${width}`;
      await page.evaluate(source);
      const violations = await page.evaluate(async () => (await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })).violations
        .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | ")}`));
      found.axe.push(...violations.map((one) => `${where}: ${one}`));
      const small = await page.evaluate(() => [...document.querySelectorAll("button, select, input:not([type=checkbox]):not([type=radio]), [role=tab], summary")]
        .filter((one) => one.offsetParent && one.getBoundingClientRect().height > 0 && one.getBoundingClientRect().height < 23.5 && getComputedStyle(one).opacity !== "0").map((one) => one.outerHTML.slice(0, 80)));
      found.small.push(...small.map((one) => `${where}: ${one}`));
      if (language === "en" || name === "run") await page.screenshot({ path: join(pictures, `look-${name}-${language}-${theme}-${width}.png`), fullPage: true });
      found.screens++;
    }
    await page.setViewportSize({ width: 320, height: 800 });
    await page.waitForTimeout(120);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) found.wide.push(`${name} ${language} ${theme}: ${over}`);
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify(found));
