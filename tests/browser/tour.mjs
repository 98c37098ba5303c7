// Goes through the built page as an energy engineer does, from files to a forecast; prints what it saw as one JSON
// object. When it cannot go on it says in which step that was, and what the page showed, and ends with 1.
// Usage: node tour.mjs <url> <chromium> <folder with the files> <folder for pictures> [en|de]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, files, pictures, language = "en"] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: language, timezoneId: "Europe/Vienna" });
const page = await context.newPage();
page.setDefaultTimeout(120_000); // a machine with cold caches takes its time
const seen = { errors: [], csp: 0, foreign: [], progress: [], requests: {} };
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("console", (line) => line.type() === "error" && seen.errors.push(`${line.text()} ${line.location().url}`));
let counted = [];
page.on("request", (request) => {
  counted.push(request.url());
  if (!request.url().startsWith(url) && !request.url().startsWith("blob:") && !request.url().startsWith("data:")) seen.foreign.push(request.url());
});
await page.addInitScript(() => addEventListener("securitypolicyviolation", () => { window.violations = (window.violations ?? 0) + 1; }));
const shot = (name) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
const counting = async (name, work) => { counted = []; await work(); await page.waitForLoadState("networkidle"); seen.requests[name] = { all: counted.length, api: counted.filter((one) => one.includes("/api/")).length }; };

const steps = {
  "open the page and make a session": async () => {
    await counting("first", () => page.goto(url, { waitUntil: "load" }));
    await page.waitForSelector("#new-session");
    await shot("sessions-empty");
    await page.fill("form input[maxlength='255']", "Netz Linz Ost");
    await page.click("form button[type=submit]");
    await page.waitForSelector("#files");
    await shot("data-empty");
  },
  "upload files, good and bad": async () => {
    await page.selectOption("select", "Europe/Vienna");
    await page.setInputFiles("#pick", ["Netzlast_2023.csv", "temperature.csv", "broken.csv", "empty.csv", "binary.csv"].map((name) => join(files, name)));
    await page.waitForFunction(() => document.querySelectorAll("#series, table tbody tr").length >= 4);
    await page.waitForFunction(() => [...document.querySelectorAll(".notice.bad")].length >= 2);
    seen.refused = await page.$$eval(".notice.bad", (all) => all.map((one) => one.innerText));
  },
  "read the quality report": async () => {
    await page.click("button[aria-expanded]");
    await page.waitForSelector(".notice .checks");
    seen.report = await page.$eval(".notice .checks", (list) => list.innerText);
    await page.waitForSelector(".u-over");
    await page.waitForTimeout(500);
    await shot("data");
  },
  "answer what is asked about a file": async () => {
    await page.setInputFiles("#pick", join(files, "two-readings.csv"));
    await page.waitForSelector(".notice[role=group] button");
    seen.question = await page.innerText(".notice[role=group]");
    await shot("question");
    await page.click(".notice[role=group] button >> nth=0");
    await page.waitForSelector("tr:has-text('Reserve')");
    await page.click("button[aria-label*='two-readings.csv']:has-text('Remove'), button[aria-label*='two-readings.csv']:has-text('Entfernen')");
    await page.click(".dialog .danger");
    await page.waitForFunction(() => !document.querySelector("button[aria-label*='two-readings.csv']"));
  },
  "remove the stray file": async () => {
    await page.click("button[aria-label*='broken.csv']:has-text('Remove'), button[aria-label*='broken.csv']:has-text('Entfernen')");
    await page.waitForSelector(".dialog");
    await shot("dialog");
    await page.click(".dialog .danger");
    await page.waitForFunction(() => !document.querySelector("button[aria-label*='broken.csv']"));
    for (const name of ["empty.csv"]) await page.click(`button[aria-label*='${name}']`);
  },
  "ask for a search of parameters": async () => {
    await page.click("a.button.primary");
    await page.waitForSelector(".facts");
    const dense = "li:has(label:has-text('Dense network'))";
    await page.click(`${dense} summary`);
    await page.click(`${dense} details label.check:has-text('Search') input`);
    await page.fill(`${dense} details input[type=number]`, "2");
    seen.tuned = await page.innerText(`${dense} summary`);
    await page.goBack();
  },
  "say what is known in advance": async () => {
    await page.selectOption("tr:has-text('Temperature') select", "future");
    await page.click("a.button.primary");
    await page.waitForSelector(".facts");
    await page.waitForSelector("aside button.primary:enabled");
    seen.preview = await page.$eval("aside .facts", (list) => list.innerText);
    seen.checks = await page.$eval("aside .checks", (list) => list.innerText);
    await page.click("label:has-text('Holidays') input, label:has-text('holidays') input, label:has-text('Feiertage') input");
    await page.waitForSelector("aside button.primary:enabled");
    await page.waitForTimeout(800);
    await page.waitForSelector("aside button.primary:enabled");
    await page.click("aside details summary >> nth=-1");
    await shot("setup");
  },
  "reload and find the same form": async () => {
    const form = () => page.$$eval("form input, form select", (all) => all.map((one) => (one.type === "checkbox" ? one.checked : one.value)));
    const before = await form();
    await page.waitForTimeout(700);
    await page.reload();
    await page.waitForSelector("aside button.primary:enabled");
    seen.sameForm = JSON.stringify(before) === JSON.stringify(await form());
  },
  "train": async () => {
    const posted = page.waitForRequest((request) => request.method() === "POST" && request.url().includes("/run/"));
    await page.click("aside button.primary");
    seen.posted = JSON.parse((await posted).postData());
    await page.waitForSelector(".job");
    const watching = setInterval(async () => {
      const value = await page.$eval("#fits", () => document.querySelector("section progress")?.value).catch(() => null);
      if (value != null) seen.progress.push(value);
    }, 150);
    await page.waitForSelector("section:has(#losses) .u-over");
    await page.waitForSelector(".job details tbody tr");
    await page.waitForTimeout(2500);
    await shot("run-live");
    await page.reload();
    await page.waitForSelector("section:has(#losses) .u-over, tr.best");
    await page.waitForSelector("tr.best", { timeout: 300_000 });
    clearInterval(watching);
  },
  "read the verdict": async () => {
    await page.waitForFunction(() => document.querySelectorAll("section:has(.verdict) .checks li").length >= 2, null, { timeout: 240_000 });
    seen.trials = await page.$$eval(".job details tbody tr", (rows) => rows.length);
    await counting("run", () => page.reload());
    await page.waitForSelector("tr.best");
    await page.waitForSelector("section:has(#forecast-best) .u-over");
    await page.waitForTimeout(600);
    seen.verdict = await page.innerText(".verdict");
    seen.claims = await page.$$eval("section:has(.verdict) .checks li", (all) => all.map((one) => one.innerText));
    seen.address = page.url();
    seen.models = await page.$$eval("section:has(#board) tbody tr", (rows) => rows.length);
    await shot("run");
  },
  "look at the best model": async () => {
    await page.click("tr.best a");
    await page.waitForSelector("[role=tab]");
    await page.waitForSelector(".u-over");
    await page.click("button[aria-label='One forecast later'], button[aria-label='Eine Prognose später']");
    await page.waitForTimeout(700);
    seen.model = page.url();
    await shot("model-forecast");
    for (const [k, name] of ["errors", "inputs", "training", "files"].entries()) {
      await page.click(`[role=tab] >> nth=${k + 1}`);
      await page.waitForTimeout(name === "inputs" ? 8000 : 2000);
      await shot(`model-${name}`);
    }
  },
  "forecast what comes, with the weather filled in": async () => {
    await page.click("nav.steps a >> nth=3");
    await page.waitForSelector(".notice.warn button");
    seen.needs = await page.innerText(".notice.warn");
    await shot("forecast-needs");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(".notice.warn button >> nth=0")]);
    const template = readFileSync(await download.path(), "utf8").trim().split(/\r?\n/);
    const filled = [template[0], ...template.slice(1).map((line, k) => `${line.split(",")[0]},${(8 + 4 * Math.sin(k / 4)).toFixed(2)}`)];
    await page.setInputFiles("#future-file", { name: "filled.csv", mimeType: "text/csv", buffer: Buffer.from(`time,Weather\n${filled[1]}`) });
    seen.unfilled = await page.innerText(".notice [role=alert]");
    await page.setInputFiles("#future-file", { name: "filled.csv", mimeType: "text/csv", buffer: Buffer.from(filled.join("\n")) });
    await page.click("section:has(#order) button.primary:enabled");
    await page.waitForSelector("section:has(#shown) .u-over");
    await page.waitForTimeout(800);
    seen.tomorrow = await page.innerText("section:has(#shown) .facts");
    await shot("forecast");
  },
  "ask what would be if it were colder": async () => {
    await page.click("section:has(#shown) details summary:has-text('What if'), section:has(#shown) details summary:has-text('Was wäre')");
    await page.fill("section:has(#shown) details[open] input", "-5");
    await page.click("section:has(#shown) details[open] button");
    await page.waitForFunction(() => document.querySelectorAll("section:has(#earlier) tbody tr").length >= 2);
    await page.waitForSelector("section:has(#shown) .facts div:nth-child(4)");
    await page.waitForTimeout(800);
    seen.scenario = await page.innerText("section:has(#shown) .facts");
    await shot("forecast-scenario");
  },
  "bring newer rows": async () => {
    await page.click("section:has(#order) details summary");
    await page.selectOption("section:has(#order) details select", { label: "Netzlast_2023.csv" });
    await page.setInputFiles("#rows-file", join(files, "newer.csv"));
    await page.waitForSelector("section:has(#order) details [role=status]");
    seen.newer = await page.innerText("section:has(#order) details [role=status]");
    await page.waitForTimeout(800);
    await shot("forecast-newer");
  },
  "deploy a model and see how its forecasts met their truth": async () => {
    await page.click("nav.steps a >> nth=4");
    await page.click("section:has(#versions) button:enabled >> nth=-1");
    await page.waitForSelector("section:has(#versions) tr.best");
    seen.version = await page.innerText("section:has(#versions) tr.best");
    await page.waitForSelector("section .facts");
    await page.waitForTimeout(400);
    seen.met = await page.innerText("section:has(> .stack .facts)");
    await shot("models");
  },
  "let the session forecast by itself": async () => {
    await page.click("section:has(#schedules) button >> nth=-1");
    await page.fill("section:has(#schedules) input[type=time]", "06:00");
    await page.fill("section:has(#schedules) input[type=url]", "http://127.0.0.1/hook");
    await page.click("section:has(#schedules) button[type=submit]");
    seen.hook = await page.innerText("section:has(#schedules) [role=alert]");
    await page.fill("section:has(#schedules) input[type=url]", "");
    await page.click("section:has(#schedules) button[type=submit]");
    await page.click("section:has(#schedules) button[aria-label^='Pause']");
    await page.waitForSelector("section:has(#schedules) .badge.warn");
    seen.paused = await page.innerText("section:has(#schedules)");
    await page.click("section:has(#schedules) button[aria-label^='Let go on']");
    await page.waitForSelector("section:has(#schedules) .badge.warn", { state: "detached" });
    await page.click("section:has(#schedules) button:has-text('New schedule')");
    await page.selectOption("section:has(#schedules) select >> nth=0", "retrain");
    await page.selectOption("section:has(#schedules) select >> nth=1", "1");
    await page.check("section:has(#schedules) input[type=checkbox]");
    await shot("schedule-new");
    await page.click("section:has(#schedules) button[type=submit]");
    await page.waitForFunction(() => document.querySelectorAll("section:has(> .card-head #schedules) button[aria-label^='Pause']").length === 2);
    await shot("models");
    await page.click("section:has(#schedules) button[aria-label^='Delete'] >> nth=-1");
    await page.click(".dialog .danger");
    await page.waitForFunction(() => document.querySelectorAll("section:has(> .card-head #schedules) button[aria-label^='Pause']").length === 1);
  },
  "see all runs and settings": async () => {
    await page.click("nav.steps a >> nth=2");
    await page.waitForSelector("tbody tr");
    await shot("runs");
    await page.goto(`${url}/settings`);
    await page.waitForSelector("#keys");
    await shot("settings");
    await page.goto(url);
    await page.waitForSelector("tbody tr");
    await shot("sessions");
  },
  "try it with demo data": async () => {
    await page.click("button:has-text('demo data')");
    await page.waitForFunction(() => document.querySelectorAll("section:has(#series) tbody tr").length >= 3);
    seen.demo = await page.innerText("section:has(#series)");
    await page.click("a.button.primary");
    await page.waitForSelector("aside button.primary:enabled");
    seen.demoForm = await page.$$eval("form select", (all) => all.map((one) => one.value));
    await shot("demo");
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    const violations = await page.evaluate(() => window.violations ?? 0);
    seen.csp += violations;
  } catch (error) {
    const shown = await page.innerText("body").catch(() => "(no page)");
    await shot("failed").catch(() => {});
    console.error(`step "${name}": ${error.message}\nseen: ${JSON.stringify(seen)}\nthe page:\n${shown}`);
    process.exitCode = 1;
    break;
  }
}
if (!process.exitCode) console.log(JSON.stringify(seen));
await browser.close();
