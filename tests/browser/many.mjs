// Opens the page where there is much: hundreds of sessions, a session of fifty runs. Prints what it saw as one JSON object.
// Usage: node many.mjs <url> <chromium> <session of many runs>
import { chromium } from "playwright-core";

const [url, executablePath, session] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(60_000);
const seen = { errors: [], asked: [] };
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("request", (request) => request.url().includes("/api/") && seen.asked.push(request.url().replace(url, "")));
try {
  await page.goto(url);
  await page.waitForSelector("tbody tr");
  seen.total = Number(await page.innerText(".count"));
  const more = "button:has-text('more'), button:has-text('weitere')";
  for (let count = 0; await page.$(more); count = await page.$$eval("tbody tr", (rows) => rows.length)) {
    await page.click(more);
    await page.waitForFunction((n) => document.querySelectorAll("tbody tr").length > n, count);
  }
  seen.reachable = await page.$$eval("tbody tr", (rows) => rows.length);
  await page.fill("input[type=search]", "Station 137");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  seen.found = await page.innerText("tbody tr th, tbody tr td");
  seen.asked = [];
  await page.goto(`${url}/s/${session}/runs`, { waitUntil: "networkidle" });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length >= 50);
  await page.waitForTimeout(500);
  seen.runs = await page.$$eval("tbody tr", (rows) => rows.length);
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(`${error.message}\nseen: ${JSON.stringify(seen)}\n${await page.innerText("body").catch(() => "")}`);
  process.exitCode = 1;
}
await browser.close();
process.exit();
