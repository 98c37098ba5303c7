import { describe, expect, it } from "vitest";

import type { FileInfo, Preview } from "./api";
import { CHOSEN, DEFAULTS, draftOf, modelsOf, obstacles, specOf, zoneOf } from "./spec";
import usual from "./usual.cases.json";

const file = (id: string, name: string, step_s: number, mean: number): FileInfo => ({
  id, fileName: `${name}.csv`, type: "input", status: "ready", totalChunks: 1, sizeBytes: 1, problem: null,
  series: [{
    seriesId: id, name, column: name, statistics: { n: 6000, n_numeric: 6000, first_ns: 0, last_ns: 1, step_min: mean, min: 0, max: 1 },
    quality: { step_s, file: { timezone: "Europe/Vienna" } },
  }],
});
// A gap of six hours: the mean distance of two rows is not 60 minutes, the usual one is.
const files = [file("a", "Load", 3600, 60.06), file("b", "Temperature", 3600, 60)];
const preview = (more: Partial<Preview> = {}): Preview =>
  ({ success: true, n_windows: 900, n_train: 600, n_validation: 200, n_test: 100, parts: [], dropped: {}, findings: [], violins: [], ...more }) as Preview;
const finding = (code: string) => ({ code, message: "", category: "DATA_VALIDATION", severity: "warning", suggestions: [], details: {} }) as never;

describe("the data set", () => {
  it("steps by the usual step and not by the mean one, whatever gaps there are", () => {
    const spec = specOf(draftOf({}, files), files);
    expect(spec?.stride).toBe(60);
    expect(spec?.series[0]?.horizon).toEqual({ start: -191, end: 0 });
    expect(spec?.series.at(-1)).toMatchObject({ role: "output", name: "Load", horizon: { start: 1, end: 24 } });
    expect([spec?.input_steps, spec?.output_steps]).toEqual([192, 24]);
  });

  it("covers the hours to be forecast with what is known in advance, but never with the target itself", () => {
    const draft = draftOf({ uses: { a: "future", b: "future" } }, files);
    const spec = specOf(draft, files);
    expect(spec?.series.map((one) => [one.name, one.role, one.horizon.end])).toEqual([
      ["Load", "input", 0], ["Temperature", "input", 24], ["Load", "output", 24],
    ]);
  });

  it("leaves out what is not used and what is gone", () => {
    const spec = specOf(draftOf({ uses: { b: "none" }, targets: ["a", "gone"] }, files), files);
    expect(spec?.series.map((one) => one.series_id)).toEqual(["a", "a"]);
  });

  it("takes its clock from the file and its holidays from the form", () => {
    const draft = draftOf({ holidays: { on: true, country: "AT", subdivision: "4" } }, files);
    expect(zoneOf(draft, files)).toBe("Europe/Vienna");
    expect(specOf(draft, files)?.calendar).toMatchObject({ timezone: "Europe/Vienna", country: "AT", subdivision: "4", holiday: { enabled: true } });
  });

  it("is on UTC where the times of a file say their own offsets, which is no zone", () => {
    const [own, ...others] = files as [FileInfo, ...FileInfo[]];
    const offsets = { ...own, series: own.series.map((one) => ({ ...one, quality: { ...one.quality, file: { timezone: "offset" }, clock: { zone: "offset" } } })) } as FileInfo;
    expect(zoneOf(draftOf({}, [offsets, ...others]), [offsets, ...others])).toBe("UTC");
  });

  it("is none without a target", () => {
    expect(specOf(draftOf({ targets: [] }, files), files)).toBeNull();
    expect(specOf(draftOf({}, []), [])).toBeNull();
  });
});

describe("a week before", () => {
  const warnings = (kept: Parameters<typeof draftOf>[0]) => obstacles(draftOf(kept, files), preview(), false);

  it("is shown beside the past, to the targets as to other inputs, but not of what is not used", () => {
    const spec = specOf(draftOf({ weekBefore: ["b", "a", "gone"], uses: { b: "none" } }, files), files);
    expect(spec?.series.map((one) => [one.name, one.horizon.end])).toEqual([["Load", 0], ["Load, 168 h before", 24 - 168], ["Load", 24]]);
  });

  it("holds a run back that forecasts further than a week", () => {
    expect(warnings({ weekBefore: ["a"], horizonHours: 168 })).toEqual([]);
    expect(warnings({ weekBefore: ["a"], horizonHours: 169 })).toEqual(["week"]);
    expect(warnings({ weekBefore: ["b"], uses: { b: "none" }, horizonHours: 169 })).toEqual([]);
  });

  it("is nothing where no step falls on it", () => {
    expect(draftOf({ weekBefore: ["odd"] }, [file("odd", "Odd", 780, 13)]).weekBefore).toEqual([]);
  });
});

describe("what the page asks for unless told", () => {
  it.each(usual.cases)("is what the command line asks for: $name", ({ series, target, future, futureOnly, week, horizonHours, country, subdivision, spec }) => {
    const own = series.map(({ name, step_s, n, min, max }) => {
      const made = file(name, name, step_s, step_s / 60);
      made.series[0] = { ...made.series[0]!, statistics: { ...made.series[0]!.statistics, n, min, max } };
      return made;
    });
    const draft = draftOf({
      targets: [target], horizonHours, weekBefore: week,
      uses: Object.fromEntries([...future.map((name) => [name, "future" as const]), ...futureOnly.map((name) => [name, "futureOnly" as const])]),
      holidays: { on: country !== null, country: country ?? "AT", subdivision: subdivision ?? "" },
    }, own);
    expect(specOf(draft, own)).toEqual(spec);
  });

  it("is the kinds and parameters of the command line", () => {
    expect(CHOSEN).toEqual(usual.chosen);
    expect(modelsOf(draftOf({}, files)).map((model) => model.kind)).toEqual(usual.chosen);
    for (const [kind, parameters] of Object.entries(usual.parameters)) expect(DEFAULTS[kind]).toEqual(parameters);
  });
});

describe("a run", () => {
  const draft = draftOf({}, files);

  it("is held back by inputs that look ahead, until somebody accepts them", () => {
    const leaking = preview({ findings: [finding("LOOKS_AHEAD")] });
    expect(obstacles(draft, leaking, false)).toEqual(["leak"]);
    expect(obstacles({ ...draft, accepted: ["LOOKS_AHEAD"] }, leaking, false)).toEqual([]);
  });

  it("is held back without a test part, a model or a whole split", () => {
    expect(obstacles(draft, preview({ n_test: 0 }), false)).toEqual(["empty"]);
    expect(obstacles({ ...draft, models: {} }, preview(), false)).toEqual(["noModel"]);
    expect(obstacles({ ...draft, split: { train: 70, validation: 20, test: 20 } }, preview(), false)).toEqual(["split"]);
    expect(obstacles(draft, undefined, true)).toEqual(["failed"]);
  });

  it("may start when nothing is wrong", () => {
    expect(obstacles(draft, preview({ findings: [finding("SAMPLES_DROPPED")] }), false)).toEqual([]);
  });
});
