// Goes through the page as a user does; prints what it saw as one JSON object. When it cannot go on it says in
// which step that was, and what the page showed, and ends with 1.
// Usage: node page.mjs <url> <chromium> <csv> <folder for pictures>
import { statSync } from "node:fs";
import { chromium } from "playwright-core";

const [url, executablePath, csv, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
page.setDefaultTimeout(120_000); // a machine with cold caches takes its time
const seen = { errors: [], progress: [] };
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("console", (line) => line.type() === "error" && seen.errors.push(line.text()));

const steps = {
  "open a session": async () => {
    await page.goto(`${url}/plain/`);
    await page.fill("#name", "From the browser");
    await page.click("form button");
    await page.waitForSelector(".live");
  },
  "upload a file in both roles": async () => {
    for (const role of ["input", "output"]) {
      await page.setInputFiles(`#pick-${role}`, csv);
      await page.waitForFunction((r) => [...document.querySelectorAll("#files li")]
        .some((line) => line.textContent.includes(`(${r})`) && line.textContent.includes("values every")), role);
    }
  },
  "train": async () => {
    for (const kind of await page.$$eval("#configuration fieldset:last-of-type input:checked", (all) => all.map((one) => one.name))) {
      if (kind !== "lin") await page.uncheck(`input[name=${kind}]`);
    }
    const watching = setInterval(async () => {
      const value = await page.$eval("#training progress", (bar) => bar.value).catch(() => null);
      if (value !== null) seen.progress.push(value);
    }, 100);
    await page.click("#configuration button");
    await page.waitForFunction(() => document.querySelector("#training p")?.textContent.startsWith("completed"));
    await page.waitForSelector("#results tr.best");
    clearInterval(watching);
  },
  "reload and read the leaderboard": async () => {
    await page.reload();
    await page.waitForSelector("#results tr.best");
    seen.best = await page.textContent("#results tr.best th");
    seen.models = await page.$$eval("#results tbody tr", (rows) => rows.length);
    await page.waitForSelector(".live");
  },
  "ask what the best model relies on": async () => {
    await page.click("#results tr.best button");
    await page.waitForSelector("#results h3");
    seen.inputs = await page.$$eval("#results .job", (bars) => bars.length);
  },
  "download the archive once it is written": async () => {
    await page.waitForSelector("text=Download everything");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download everything")]);
    seen.downloaded = statSync(await download.path()).size;
    await page.screenshot({ path: `${pictures}/session.png`, fullPage: true });
  },
  "look at it on a telephone": async () => {
    await page.setViewportSize({ width: 380, height: 800 });
    seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  },
  "read the documentation": async () => {
    await page.goto(`${url}/docs`);
    await page.waitForSelector("details");
    seen.operations = await page.$$eval("details", (all) => all.length);
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
  } catch (error) {
    const shown = await page.innerText("body").catch(() => "(no page)");
    console.error(`step "${name}": ${error.message}\nerrors: ${JSON.stringify(seen.errors)}\nthe page:\n${shown}`);
    process.exitCode = 1;
    break;
  }
}
if (!process.exitCode) console.log(JSON.stringify(seen));
await browser.close();
process.exit(); // whatever still watches
