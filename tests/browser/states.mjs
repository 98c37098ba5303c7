// The states of the page that pictures are kept of: an address, what is done there, and what has to be there then.
// `answers` are what the gateway said when they were recorded, by method and address.
const settled = (page) => page.waitForFunction(() => !document.querySelector(".spin"));

/** A copy of the answers in which one of an address is another. */
function changed(answers, address, change) {
  const key = Object.keys(answers).find((one) => one.startsWith(address));
  if (!key) throw new Error(`nothing was recorded for ${address}`);
  return { ...answers, [key]: { ...answers[key], body: change(structuredClone(answers[key].body)) } };
}

export function statesOf({ session, run, job, forecast }) {
  const s = `/s/${session}`;
  const r = `${s}/runs/${run}`;
  const m = `${r}/models/${job}`;
  const api = "GET /api/training";
  const drawn = (page) => page.waitForSelector(".u-over");
  return {
    sessions: { at: "/", then: (page) => page.waitForSelector("tbody tr") },
    "sessions-none": { at: "/", answers: (all) => changed(all, `${api}/sessions`, (body) => ({ ...body, sessions: [], total: 0 })) },
    "sessions-away": { at: "/", answers: (all) => ({ ...all, [`${api}/sessions?search=&sort=newest&offset=0&limit=50`]: { status: 400, body: { success: false, code: "WORKER_UNAVAILABLE", error: "no service that computes this is running" } } }), then: (page) => page.waitForSelector(".notice.bad") },
    data: { at: `${s}/data`, then: drawn },
    "data-report": { at: `${s}/data`, then: async (page) => { await page.click("button[aria-expanded=false] >> nth=0"); await drawn(page); } },
    "data-remove": { at: `${s}/data`, then: async (page) => { await drawn(page); await page.click("section:has(#files) button.bad >> nth=0"); await page.waitForSelector(".dialog"); } },
    setup: { at: `${s}/setup`, then: (page) => page.waitForSelector("aside .facts") },
    "setup-search": { at: `${s}/setup`, then: async (page) => { await page.waitForSelector("aside .facts"); await page.click("li:has(label:has-text('Boosted trees')) summary"); await page.check("li:has(label:has-text('Boosted trees')) details label.check:has-text('Search') input"); } },
    "setup-leak": {
      at: `${s}/setup`, answers: (all) => changed(all, "POST /api/training/preview", (body) => ({ ...body, n_test: 0, findings: [...body.findings, { code: "LOOKS_AHEAD", message: "inputs read up to 59.99 min after the reference time", suggestions: [], details: {} }, { code: "EMPTY_PART", message: "the test part has no windows", suggestions: [], details: {} }] })),
      then: (page) => page.waitForSelector("aside .checks"),
    },
    runs: { at: `${s}/runs`, then: (page) => page.waitForSelector("tbody tr") },
    "run-live": {
      at: r,
      answers: (all) => changed(changed(all, `${api}/workspace`, (body) => ({ ...body, runs: body.runs.map((one, k) => (k ? one : { ...one, status: "running", finished_at: null, best_label: null, best_score: null, skill: null })) })), `${api}/status`, (body) => ({
        ...body, status: "running", progress: 46, completed_at: null,
        jobs: body.jobs.map((one, k) => (k < 4 ? one : { ...one, status: k === 4 ? "running" : "queued", progress: k === 4 ? 40 : 0, epoch: k === 4 ? 20 : null, total_epochs: k === 4 ? 50 : null, eta_seconds: k === 4 ? 8 : null, seconds: null })),
      })),
      then: drawn,
    },
    run: { at: r, then: drawn },
    "run-columns": { at: r, then: async (page) => { await drawn(page); await page.click("section:has(#board) summary"); } },
    "run-lost": { at: `${s}/runs/${"0".repeat(32)}`, answers: (all) => ({ ...all, [`${api}/status/${session}?run_id=${"0".repeat(32)}`]: { status: 404, body: { success: false, code: "RUN_NOT_FOUND", error: "there is no such run" } } }), then: (page) => page.waitForSelector(".notice.bad") },
    "model-forecast": { at: `${m}?view=forecast`, then: drawn },
    "model-errors": { at: `${m}?view=errors`, then: drawn },
    "model-inputs": { at: `${m}?view=inputs` },
    "model-training": { at: `${m}?view=training` },
    "model-files": { at: `${m}?view=files` },
    forecast: { at: `${s}/forecast?forecast=${forecast}`, then: drawn },
    models: { at: `${s}/models`, then: (page) => page.waitForSelector("section:has(#versions) tbody tr") },
    "models-schedule": { at: `${s}/models`, then: async (page) => { await page.click("section:has(#schedules) button:has-text('New schedule')"); } },
    settings: { at: "/settings", then: (page) => page.waitForSelector("#keys") },
    missing: { at: "/nothing/here", then: (page) => page.waitForSelector("h1") },
  };
}

/** Open a state and wait until nothing on it changes. */
export async function show(page, origin, { at, then }) {
  await page.goto(origin + at);
  await page.waitForSelector("h1, .empty h2");
  await settled(page);
  await then?.(page);
  await settled(page);
  await page.waitForTimeout(350);
  await settled(page);
}
