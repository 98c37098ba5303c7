import { describe, expect, it } from "vitest";

import { factsOf } from "./facts";

describe("facts of a model", () => {
  it("are one row each, nested ones under the path of their names", () => {
    const facts = factsOf({ kind: "lgbmr", seed: 0, max_depth: null, trees: { "load [kW]": { n_trees: 168 } } });
    expect(facts).toEqual([
      { path: ["seed"], value: 0 },
      { path: ["max_depth"], value: null },
      { path: ["trees", "load [kW]", "n_trees"], value: 168 },
    ]);
  });

  it("keep lists of plain values together and number the others", () => {
    const facts = factsOf({ layers: [64, 32], layers_none: [], shared: [{ level: "mean" }, { level: "last" }] });
    expect(facts).toEqual([
      { path: ["layers"], value: "64, 32" },
      { path: ["layers_none"], value: null },
      { path: ["shared", "#1", "level"], value: "mean" },
      { path: ["shared", "#2", "level"], value: "last" },
    ]);
  });
});
