// Writes down what the gateway says while the states of the page are opened, for pictures that need no platform.
// Usage: node record.mjs <url> <chromium> <session> <run> <job> <forecast> <file to write>
import { writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

import { show, statesOf } from "./states.mjs";

const [url, executablePath, session, run, job, forecast, file] = process.argv.slice(2);
const ids = { session, run, job, forecast };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: 120_000 });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Vienna", locale: "en" });
page.setDefaultTimeout(60_000);
const answers = {};
page.on("response", async (response) => {
  const request = response.request();
  const address = response.url().replace(url, "");
  if (!address.startsWith("/api/") || response.status() >= 500) return;
  const body = await response.json().catch(() => null);
  if (body) answers[`${request.method()} ${address}`] = { status: response.status(), body };
});
for (const [name, state] of Object.entries(statesOf(ids))) {
  try {
    await show(page, url, { at: state.at, then: name === "run-live" || name === "sessions-away" ? undefined : state.then });
    await page.waitForLoadState("networkidle");
    for (let k = 0; k < 20 && (await page.$(".spin")); k++) await page.waitForTimeout(1000);
  } catch (error) {
    console.error(`${name}: ${error.message.split("\n")[0]}`);
  }
}
writeFileSync(file, JSON.stringify({ at: new Date().toISOString(), ids, answers }));
console.log(JSON.stringify({ answers: Object.keys(answers).length }));
await browser.close();
process.exit();
