// Goes through the page as a user does; prints what it saw as one JSON object.
// Usage: node page.mjs <url> <chromium> <csv> <folder for pictures>
import { statSync } from "node:fs";
import { chromium } from "playwright-core";

const [url, executablePath, csv, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 1000 } });
const seen = { errors: [], progress: [] };
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("console", (line) => line.type() === "error" && seen.errors.push(line.text()));

await page.goto(url);
await page.fill("#name", "From the browser");
await page.click("form button");
await page.waitForSelector(".live");
for (const role of ["input", "output"]) {
  await page.setInputFiles(`#pick-${role}`, csv);
  await page.waitForFunction((r) => [...document.querySelectorAll("#files li")]
    .some((line) => line.textContent.includes(`(${r})`) && line.textContent.includes("values every")), role);
}
for (const kind of ["dense"]) await page.uncheck(`input[name=${kind}]`);
await page.click("#configuration button");
const watching = setInterval(async () => {
  const value = await page.$eval("#training progress", (bar) => bar.value).catch(() => null);
  if (value !== null) seen.progress.push(value);
}, 100);
await page.waitForFunction(() => document.querySelector("#training p")?.textContent.startsWith("completed"), null,
  { timeout: 90000 });
await page.waitForSelector("#results tr.best");
clearInterval(watching);

await page.reload();
await page.waitForSelector("#results tr.best");
seen.best = await page.textContent("#results tr.best th");
seen.models = await page.$$eval("#results tbody tr", (rows) => rows.length);
await page.waitForSelector(".live");
if (await page.$("text=Download everything")) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download everything")]);
  seen.downloaded = statSync(await download.path()).size;
}
await page.screenshot({ path: `${pictures}/session.png`, fullPage: true });
await page.setViewportSize({ width: 380, height: 800 });
seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
await page.goto(`${url}/docs`);
await page.waitForSelector("details");
seen.operations = await page.$$eval("details", (all) => all.length);
console.log(JSON.stringify(seen));
await browser.close();
