// Opens a run whose fits have told half of their epochs, stays while they tell the rest, and opens it again. Says "now"
// when the rest may come, goes on with the next line on standard input, and ends with one JSON object.
// Usage: node history.mjs <url> <chromium> <address of a run> <folder for pictures>
import { once } from "node:events";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { Machine } from "./machine.mjs";

const [, executablePath, address, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const machine = new Machine();
const seen = { errors: [], epochs: [] };

async function opened() {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => seen.errors.push(error.message));
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  const figures = async () => Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const drawn = () => page.waitForSelector("section:has(#losses) .u-over");
  const epochs = async () => seen.epochs.push(Number((await page.getAttribute("section:has(#losses) [role=img]", "aria-label")).match(/(\d+)\D*$/)[1]));
  const heap = async () => { await cdp.send("HeapProfiler.collectGarbage"); return Math.round((await figures()).JSHeapUsedSize / 1e5) / 10; };
  await page.goto(address);
  await drawn();
  await page.waitForTimeout(700);
  await epochs();
  return { page, figures, epochs, heap, spent: async () => Math.round(1000 * (await figures()).TaskDuration) };
}

try {
  const first = await opened();
  for (let k = 0; k < 3; k++) await machine.measure(first.page);
  const before = await first.spent();
  console.log("now");
  await once(process.stdin, "data");
  await first.page.waitForTimeout(1500);
  await first.epochs();
  seen.live = { taskMs: (await first.spent()) - before, heapMb: await first.heap() };
  await first.page.screenshot({ path: join(pictures, "history-live.png"), fullPage: true });
  await first.page.close();
  const again = await opened();
  seen.again = { taskMs: await again.spent(), heapMb: await again.heap() };
  for (let k = 0; k < 4; k++) await machine.measure(again.page);
  console.log(JSON.stringify({ ...seen, slower: machine.slower() }));
} catch (error) {
  console.error(`${error.message}\nseen: ${JSON.stringify(seen)}`);
  process.exitCode = 1;
}
await browser.close();
process.exit();
