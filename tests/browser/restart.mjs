// Uploads a file and trains while the gateway dies and comes back; nobody touches the page meanwhile. Says "now <step>"
// on standard output when it is a good moment to kill the gateway, and ends with one JSON object.
// Usage: node restart.mjs <url> <chromium> <csv> <folder for pictures>
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, csv, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(180_000);
const seen = { errors: [], events: [], away: 0 };
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
  const event = JSON.parse(payload.toString());
  if (event.seq != null) seen.events.push(event.seq);
}));
const network = await page.context().newCDPSession(page);
const slowly = (bytes) => network.send("Network.emulateNetworkConditions", { offline: false, latency: 5, downloadThroughput: -1, uploadThroughput: bytes });
const now = (step) => console.log(`now ${step}`);

try {
  await page.goto(url);
  await page.fill("form input[maxlength='255']", "Restarts");
  await page.click("form button[type=submit]");
  await page.waitForSelector("#files");
  await slowly(3_000_000);
  await page.setInputFiles("#pick", csv);
  await page.waitForFunction(() => document.querySelector(".job progress")?.value > 0);
  now("uploading");
  await page.waitForFunction(() => /Waiting for the platform|connect/i.test(document.body.innerText));
  seen.away++;
  await slowly(-1);
  await page.waitForSelector("#series tbody tr, section:has(#series) tbody tr");
  seen.session = page.url().match(/\/s\/([^/]+)/)[1];
  await page.click("a.button.primary");
  await page.waitForSelector("aside button.primary:enabled");
  await page.click("aside button.primary");
  await page.waitForSelector(".job");
  await page.waitForTimeout(1500);
  now("training");
  await page.waitForSelector("tr.best", { timeout: 300_000 });
  await page.waitForSelector(".badge.live, .live");
  await page.waitForTimeout(1500);
  seen.models = await page.$$eval("section:has(#board) tbody tr", (rows) => rows.length);
  seen.run = page.url().match(/\/runs\/([^/?]+)/)[1];
  await page.screenshot({ path: join(pictures, "restarted.png"), fullPage: true });
  console.log(JSON.stringify(seen));
} catch (error) {
  await page.screenshot({ path: join(pictures, "failed.png"), fullPage: true }).catch(() => {});
  console.error(`${error.message}\nseen: ${JSON.stringify(seen)}\n${await page.innerText("body").catch(() => "")}`);
  process.exitCode = 1;
}
await browser.close();
process.exit();
