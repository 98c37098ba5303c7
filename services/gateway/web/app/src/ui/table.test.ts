import { describe, expect, it } from "vitest";

import { plainCell, readFuture, readTable, Unfilled } from "./table";

describe("a filled-in template", () => {
  it("is read with commas, semicolons and tabs, quotes and a byte order mark", () => {
    expect(readFuture("\uFEFFtime,Temperature\n2026-01-01T00:00:00+01:00,3.5\n", ["Temperature"])).toEqual({ Temperature: { "2026-01-01T00:00:00+01:00": 3.5 } });
    expect(readFuture('time;"Temp; out"\r\nx;-3,25\r\n', ["Temp; out"])).toEqual({ "Temp; out": { x: -3.25 } });
    expect(readTable("a\tb\n1\t2").rows).toEqual([["1", "2"]]);
  });

  it("has no cell a spreadsheet would run, and is read with its names all the same", () => {
    expect(["=cmd()", "@x", "-1 °C", "Load"].map(plainCell)).toEqual(["'=cmd()", "'@x", "'-1 °C", "Load"]);
    expect(readFuture("time,'=cmd()\nx,1\n", ["=cmd()"])).toEqual({ "=cmd()": { x: 1 } });
  });

  it("leaves out what is empty, and columns nobody asked for", () => {
    expect(readFuture("time,A,B\nx,,9\ny,2,9\n", ["A"])).toEqual({ A: { y: 2 } });
  });

  it.each([
    ["time,Other\nx,1\n", "columns", 1], ["time,A\nx,1\ny,warm\n", "number", 3], ["time,A\nx,\n", "empty", 2],
  ])("says what is wrong with %j", (text, what, line) => {
    const wrong = (() => { try { readFuture(text, ["A"]); } catch (error) { return error; } })();
    expect(wrong).toBeInstanceOf(Unfilled);
    expect(wrong).toMatchObject({ what, line });
  });
});
