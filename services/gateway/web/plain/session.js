// One session: files, configuration, training, results. What is shown comes from the gateway alone, so a
// reload shows the same.
import { call, follow, get, post, upload } from "./api.js";
import { duration, h, lineChart, number, problem, say } from "./dom.js";

// The models and the scores there are: the gateway tells.
const { models: MODELS, metrics: METRICS } = await get("/environment-info");
const PROPOSED = MODELS.filter((model) => !model.baseline);

export async function openSession(main, sessionId) {
  const parts = Object.fromEntries(["files", "configuration", "training", "results"].map(
    (name) => [name, h("section", { class: "card", id: name })]));
  const title = h("h2", {}, "Session");
  main.replaceChildren(title, h("div", { class: "grid" }, parts.files, parts.configuration),
    parts.training, parts.results);
  const { name, last_seq } = await get(`/workspace/${sessionId}`);
  title.textContent = name || sessionId;

  const training = new Training(parts.training, sessionId);
  const redrawFiles = () => showFiles(parts.files, parts.configuration, sessionId);
  const showResults = () => results(parts.results, sessionId);
  await Promise.all([redrawFiles(), training.load(), showResults()]);

  const reactions = {
    "file.ready": redrawFiles, "file.rejected": redrawFiles, "upload.completed": redrawFiles,
    "dataset.requested": () => training.load(), "dataset.ready": () => training.load(),
    "dataset.failed": () => training.load(), "training.requested": () => training.load(),
    "run.planned": () => training.load(), "model.done": () => training.load(),
    "model.progress": (event) => training.progress(event),
    "model.evaluated": showResults, "run.reported": showResults,
    "run.finished": async ({ data }) => {
      await Promise.all([training.load(), showResults()]);
      const what = `${data.backtest ? "Backtest" : "Training"} ${data.status}`;
      say(data.best_label ? `${what}. Best model: ${data.best_label}` : what);
    },
  };
  const link = document.getElementById("link");
  follow(sessionId, (event) => reactions[event.type]?.(event), (live) => {
    link.classList.toggle("live", live);
    link.lastElementChild.textContent = live ? "Live" : "Connecting again";
  }, last_seq);
}

// -- files and configuration ---------------------------------------------------------------------------------

async function showFiles(place, configuration, sessionId) {
  const { files } = await get(`/csv-files/${sessionId}`);
  const bar = h("div", {});
  const send = async (list, role) => {
    for (const file of list) {
      const gauge = h("progress", { max: file.size || 1, value: 0, "aria-label": `Uploading ${file.name}` });
      bar.replaceChildren(h("p", {}, file.name), gauge);
      try {
        await upload(file, { sessionId, role, onProgress: (sent) => { gauge.value = sent; } });
      } catch (error) {
        bar.append(problem(error));
        return;
      }
    }
  };
  const remove = async (file) => {
    if (!confirm(`Remove ${file.fileName} (${file.type})?`)) return;
    await call("DELETE", `/csv-files/${file.id}`);
    await showFiles(place, configuration, sessionId);
  };
  place.replaceChildren(h("h2", {}, "1. Files"), drop("input", "what the model sees", send),
    drop("output", "what it shall forecast", send), bar,
    files.length ? h("ul", {}, files.map((file) => fileLine(file, remove))) : h("p", { class: "soft" },
      "CSV with a time column. To forecast a series from its own past, give the same file twice."));
  configure(configuration, sessionId, files);
}

const fileLine = (file, remove) => h("li", {}, h("strong", {}, file.fileName), ` (${file.type}) `,
  file.status === "ready" ? file.series.map((s) => `${s.name}: ${number(s.statistics.n, 7)} values every ` +
    `${number(stepMinutes(s))} min${oddities(s.quality)}`).join("; ") : file.status, " ",
  h("button", { class: "plain", "aria-label": `Remove ${file.fileName} (${file.type})`, onclick: () => remove(file) },
    "Remove"),
  file.problem ? problem({ message: file.problem.message, suggestions: file.problem.suggestions }) : null);

// The usual distance of two rows. The mean distance is another number as soon as a row is missing.
const stepMinutes = (series) => (series.quality.step_s ?? 3600) / 60;

const oddities = (quality) => {
  const found = [["gaps", quality.gaps?.count], ["empty cells", quality.missing?.count],
    ["cells that are no number", quality.text?.count], ["doubled stamps", quality.duplicates?.count]]
    .filter(([, n]) => n).map(([what, n]) => `${n} ${what}`);
  return found.length ? ` (${found.join(", ")})` : "";
};

function drop(role, meaning, send) {
  const id = `pick-${role}`;
  const pick = h("input", {
    id, type: "file", accept: ".csv,text/csv", multiple: true, onchange: () => send(pick.files, role),
  });
  const zone = h("div", {
    class: "drop",
    ondragover: (event) => { event.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      send(event.dataTransfer.files, role);
    },
  }, h("label", { for: id }, `${role === "input" ? "Input" : "Output"}: ${meaning} `), pick);
  return zone;
}

// The form is made anew only when there are other series: what somebody typed stays.
const shapes = new WeakMap();
function configure(place, sessionId, files) {
  const shape = JSON.stringify(files.map((file) => [file.id, file.status]));
  if (shapes.get(place) === shape) return;
  const kept = new Map([...place.querySelectorAll("input[name]")].map((input) => [input.name,
    input.type === "checkbox" ? input.checked : input.value]));
  shapes.set(place, shape);
  const series = (role) => files.filter((f) => f.type === role).flatMap((f) => f.series);
  const ready = series("input").length > 0 && series("output").length > 0;
  const first = series("output")[0];
  const step = first ? stepMinutes(first) : 60;
  const field = (name, label, value) => h("label", {}, `${label} `,
    h("input", { type: "number", name, value, min: 0, step: "any", required: true }));
  const refusal = h("div", {});
  const start = async (event) => {
    event.preventDefault();
    refusal.replaceChildren();
    try {
      await post(`/run/${sessionId}`, request(new FormData(event.target)), { "Idempotency-Key": crypto.randomUUID() });
    } catch (error) {
      refusal.replaceChildren(problem(error));
    }
  };
  const request = (form) => {
    const hours = (name) => Number(form.get(name));
    const steps = (span) => Math.max(1, Math.round(span * 60 / step));
    const window = (role, start, end) => series(role).map((s) => ({ id: s.seriesId, horizonStart: start, horizonEnd: end }));
    const tick = step / 60;
    const inputs = series("input").map((s) => form.has(`coming-${s.seriesId}`)
      ? { id: s.seriesId, horizonStart: tick, horizonEnd: hours("ahead") }
      : { id: s.seriesId, horizonStart: -hours("past") + tick, horizonEnd: 0 });
    return {
      configuration: {
        timeSteps: { input: steps(hours("past")), output: steps(hours("ahead")), stepSize: step },
        timeFeatures: Object.fromEntries(["day", "week", "year"].map((name) => [name, form.has(name)])),
        series: [...inputs, ...window("output", tick, hours("ahead"))],
      },
      models: PROPOSED.filter(({ kind }) => form.has(kind)).map(({ kind, parameters }) =>
        "epochs" in parameters ? { kind, epochs: Number(form.get("epochs")) } : { kind }),
    };
  };
  const box = (name, label, checked) => h("label", {}, h("input", { type: "checkbox", name, checked }), ` ${label}`);
  place.replaceChildren(h("h2", {}, "2. Configuration"), h("form", { onsubmit: start },
    h("fieldset", {}, h("legend", {}, "Window"), field("past", "Hours of past", 24), field("ahead", "Hours ahead", 24)),
    h("fieldset", {}, h("legend", {}, "Calendar"), box("day", "Time of day", true), box("week", "Day of week", true),
      box("year", "Time of year", false)),
    series("input").length ? h("fieldset", {}, h("legend", {}, "Known in advance (a weather forecast, a schedule)"),
      series("input").map((s) => box(`coming-${s.seriesId}`, s.name, false))) : null,
    h("fieldset", {}, h("legend", {}, "Models"), PROPOSED.map((model) => box(model.kind, model.name, model.chosen)), field("epochs", "Epochs", 20)),
    h("button", { disabled: !ready }, "Train"),
    ready ? null : h("p", { class: "soft" }, "Needs at least one checked input and one checked output.")), refusal);
  for (const input of place.querySelectorAll("input[name]")) {
    if (!kept.has(input.name)) continue;
    if (input.type === "checkbox") input.checked = kept.get(input.name);
    else input.value = kept.get(input.name);
  }
}

// -- training ------------------------------------------------------------------------------------------------

class Training {
  constructor(place, sessionId) {
    Object.assign(this, { place, sessionId, rows: new Map(), losses: new Map(), runId: null });
  }

  async load() {
    const status = await get(`/status/${this.sessionId}`);
    if (status.run_id !== this.runId) this.losses.clear();
    this.runId = status.run_id;
    const live = ["queued", "running"].includes(status.status);
    this.total = h("progress", { max: 100, value: status.progress, "aria-label": "Training as a whole" });
    this.rows = new Map(status.jobs.map((job) => [job.job_id, this.row(job)]));
    this.chart = h("div", {});
    this.draw();
    const windows = live || !status.dataset_id ? [] : await this.windows(status.dataset_id);
    this.place.replaceChildren(h("h2", {}, "3. Training"), status.status === "idle"
      ? h("p", { class: "soft" }, "Not started yet.")
      : h("div", {}, h("p", {}, `${status.status}${status.current_step ? `: ${status.current_step}` : ""}`),
        ...windows, this.total, [...this.rows.values()].map((row) => row.line), this.chart,
        status.problem ? problem(status.problem) : null,
        live ? h("button", { class: "plain", onclick: () => post(`/cancel/${this.sessionId}`) }, "Stop") : null));
  }

  async windows(datasetId) {
    const { dataset } = await get(`/datasets/${this.sessionId}/${datasetId}`);
    if (dataset.status !== "ready") return [];
    return [h("p", { class: "soft" }, `${dataset.n_windows} windows: ${dataset.n_train} to train, ` +
      `${dataset.n_validation} to validate, ${dataset.n_test} to test.`),
      ...dataset.findings.map((finding) => problem(finding))];
  }

  row(job) {
    const bar = h("progress", { max: 100, value: job.progress, "aria-label": job.label });
    const text = h("span", { class: "soft" }, job.problem?.message ?? (job.seconds != null
      ? `${job.status} in ${duration(job.seconds)}` : job.status));
    return { label: job.label, bar, text, line: h("div", { class: "job" }, h("span", {}, job.label), bar, text) };
  }

  progress({ run_id, job_id, data }) {
    const row = run_id === this.runId && this.rows.get(job_id);
    if (!row) return;
    row.bar.value = Math.max(row.bar.value, 100 * data.fraction);
    const eta = data.eta_seconds == null ? "" : `, ${duration(data.eta_seconds)} left`;
    row.text.textContent = (data.epoch ? `epoch ${data.epoch} of ${data.n_epochs}` : data.phase) + eta;
    const bars = [...this.rows.values()].map((r) => r.bar.value);
    this.total.value = Math.max(this.total.value, 0.99 * bars.reduce((a, b) => a + b, 0) / bars.length);
    const loss = data.val_loss ?? data.loss;
    if (data.epoch && loss != null) {
      const points = this.losses.get(row.label) ?? new Map();
      this.losses.set(row.label, points.set(data.epoch, loss));
      this.draw();
    }
  }

  draw() {
    const lines = [...this.losses].map(([label, points]) => ({ label, points: [...points] }));
    this.chart.replaceChildren(...lines.some((line) => line.points.length > 1)
      ? [lineChart(lines, "Validation loss per epoch")] : []);
  }
}

// -- results -------------------------------------------------------------------------------------------------

// Of several redraws of one place the newest counts, whichever answer comes last.
const turns = new WeakMap();
async function redraw(place, make) {
  const turn = (turns.get(place) ?? 0) + 1;
  turns.set(place, turn);
  const content = await make();
  if (turns.get(place) === turn) place.replaceChildren(...content.filter(Boolean));
}

// What somebody asked about a run stays through redraws, also while its answer is on the way.
const answers = new Map();
function answerOf(runId) {
  if (!answers.has(runId)) answers.set(runId, h("div", { "aria-live": "polite" }));
  return answers.get(runId);
}

const results = (place, sessionId) => redraw(place, async () => {
  const summary = (await get(`/results-summary/${sessionId}`)).results;
  const title = h("h2", {}, "4. Results");
  const scored = summary?.models.filter((model) => Object.keys(model.headline).length) ?? [];
  if (!scored.length) return [title, h("p", { class: "soft" }, "No model has been scored yet.")];
  const order = new Map((summary.leaderboard.rows ?? []).map((row, k) => [row.job_id, k]));
  scored.sort((a, b) => (order.get(a.job_id) ?? 99) - (order.get(b.job_id) ?? 99));
  const over = summary.status !== "queued" && summary.status !== "running";
  const answer = answerOf(summary.run_id);
  const ask = (model) => whatMatters(answer, sessionId, summary.run_id, model);
  return [title, leaderboard(scored, summary, ask), shares(summary.leaderboard.ensemble), answer, download(summary),
    ...(over && summary.report === "ready" ? [await plots(sessionId, summary.run_id)] : [])];
});

const leaderboard = (models, summary, ask, metrics = METRICS.filter((m) => m.shown)) => h("div", { class: "scroll" }, h("table", {},
  h("caption", { class: "soft" }, "Test scores in original units; ranked on the validation part. " +
    "Smaller is better, except R2."),
  h("thead", {}, h("tr", {}, ["Model", ...metrics.map((m) => m.heading), "Seconds", "Inputs"].map(
    (text) => h("th", { scope: "col" }, text)))),
  h("tbody", {}, models.map((model) => {
    const best = model.job_id === summary.best_model?.job_id;
    return h("tr", { class: best ? "best" : null },
      h("th", { scope: "row" }, model.label, best ? h("span", { class: "tag" }, "best") : null,
        model.baseline ? h("span", { class: "soft" }, " baseline") : null),
      metrics.map((m) => h("td", {}, number(model.headline[m.name]))), h("td", {}, number(model.seconds, 3)),
      h("td", {}, h("button", { class: "plain", "aria-label": `What matters to ${model.label}?`,
        onclick: () => ask(model) }, "What matters?")));
  }))));

const shares = (ensemble) => ensemble?.members?.length ? h("p", { class: "soft" }, "Ensemble: " +
  ensemble.members.map((m) => `${number(100 * m.weight, 3)} % ${m.label}`).join(" + ") +
  ". Weights chosen on the validation part.") : null;

// Which inputs a model relies on: measured when somebody asks for the first time, which takes seconds.
async function whatMatters(place, sessionId, runId, model) {
  place.replaceChildren(h("p", { class: "soft" }, `Measuring what ${model.label} relies on …`));
  try {
    const found = await get(`/feature-importance/${sessionId}?run_id=${runId}&job_id=${model.job_id}`);
    const top = Math.max(...found.inputs.map((input) => input.rise ?? 0), 1e-9);
    place.replaceChildren(h("h3", {}, `What ${model.label} relies on`), ...found.inputs.map((input) => bar(input, top)),
      h("p", { class: "soft" }, "How much the error rises, in training standard deviations, when an input comes from " +
        `another window: ${found.n_windows} windows of the ${found.part} part, ${found.n_repeats} times.`));
  } catch (error) {
    place.replaceChildren(problem(error));
  }
}

const bar = (input, top) => h("div", { class: "job" },
  h("span", {}, input.name, input.source === "calendar" ? h("span", { class: "soft" }, " calendar") : null),
  h("progress", { max: top, value: Math.max(0, input.rise ?? 0), "aria-label": `Importance of ${input.name}` }),
  h("span", { class: "soft" }, `+${number(Math.max(0, input.rise ?? 0), 3)} ± ${number(input.deviation, 2)}`));

const download = ({ report, links }) => h("p", {}, {
  ready: h("a", { class: "button", href: links.download }, "Download everything (zip)"),
  writing: h("span", { class: "soft", role: "status" }, "Plots, tables and the archive are being written."),
}[report] ?? null);

async function plots(sessionId, runId) {
  const { plots } = await get(`/visualizations/${sessionId}?inline=false&run_id=${runId}`);
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "?theme=dark" : "";
  const shown = Object.entries(plots).filter(([name]) => !name.endsWith(".dark"));
  const ofOneModel = ([name]) => name.includes("/");  // pictures of the whole run come first
  shown.sort((a, b) => ofOneModel(a) - ofOneModel(b) || a[0].localeCompare(b[0]));
  return h("div", { class: "plots" }, shown.map(([, plot]) =>
    h("a", { href: plot.link + theme }, h("img", { src: plot.link + theme, alt: plot.label, loading: "lazy" }))));
}
