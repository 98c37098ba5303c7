// Opens screens as a small laptop on a slow line does (CPU 4 times slower, 1.6 Mbit/s, 150 ms), each with an empty
// cache, several times; prints of each the best as one JSON object, with how much slower this machine was than ours.
// Usage: node lab.mjs <url> <chromium> <address of a finished run> [rounds]
import { chromium } from "playwright-core";

import { Machine } from "./machine.mjs";

const [url, executablePath, run, rounds = "3"] = process.argv.slice(2);
const CPU = 4;
const LINE = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };
const machine = new Machine();

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const found = { first: [], run: [], moved: {}, errors: [] };

function observe() {
  const seen = { fcp: null, lcp: 0, cls: 0, moved: [], tasks: [] };
  window.seen = seen;
  const on = (type, each) => new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true });
  on("paint", (one) => { if (one.name === "first-contentful-paint") seen.fcp = one.startTime; });
  on("largest-contentful-paint", (one) => { seen.lcp = one.startTime; });
  on("layout-shift", (one) => { if (!one.hadRecentInput) { seen.cls += one.value; seen.moved.push(`${one.value.toFixed(3)} ${one.sources.map(({ node }) => node && (node.outerHTML ?? node.textContent).slice(0, 60)).join(" | ")}`); } });
  on("longtask", (one) => seen.tasks.push([one.startTime, one.duration]));
}

async function open(address, ready) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Vienna", locale: "en" });
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  page.on("pageerror", (error) => found.errors.push(error.message));
  await page.addInitScript(observe);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: CPU });
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", LINE);
  await machine.measure(page, CPU);
  let bytes = 0;
  let requests = 0;
  let last = 0;
  cdp.on("Network.requestWillBeSent", () => { requests++; });
  cdp.on("Network.loadingFinished", (one) => { bytes += one.encodedDataLength; last = Date.now(); });
  const start = Date.now();
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForSelector(ready, { state: "visible" });
  const shown = await page.evaluate(() => performance.now());
  await page.waitForLoadState("networkidle");
  await page.waitForTimeout(300);
  const idle = last - start;
  const seen = await page.evaluate(() => window.seen);
  await machine.measure(page, CPU);
  await context.close();
  const tbt = seen.tasks.filter(([at]) => at >= (seen.fcp ?? 0)).reduce((sum, [, length]) => sum + Math.max(0, length - 50), 0);
  return { fcp: seen.fcp, lcp: seen.lcp, tbt, cls: seen.cls, shown, idle, requests, bytes, moved: seen.moved };
}

const best = (all) => Object.fromEntries(Object.keys(all[0]).filter((key) => key !== "moved").map((key) => [key, Math.round(1000 * Math.min(...all.map((one) => one[key]))) / 1000]));

try {
  for (let k = 0; k < Number(rounds); k++) {
    found.first.push(await open(`${url}/`, "section tbody tr"));
    found.run.push(await open(run, "tr.best"));
  }
  const session = run.replace(/\/runs\/.*/, "");
  const others = { data: ".u-over", setup: "aside .facts", runs: "tbody tr", forecast: "main select", models: "main section" };
  for (const [name, ready] of Object.entries(others)) found.moved[name] = ((one) => ({ cls: one.cls, moved: one.moved, shown: Math.round(one.shown) }))(await open(`${session}/${name}`, ready));
  console.log(JSON.stringify({ ...found, slower: machine.slower(), first: best(found.first), run: best(found.run) }));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await browser.close();
process.exit();
