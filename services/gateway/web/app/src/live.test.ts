import { describe, expect, it } from "vitest";

import type { LiveEvent } from "./client";
import { LiveRun } from "./live";

const progress = (epoch: number, loss: number): LiveEvent => ({
  seq: null, id: null, type: "model.progress", session_id: "s", run_id: "r", job_id: "j", time: "",
  data: { label: "LSTM", fraction: epoch / 10, phase: "fit", epoch, n_epochs: 10, loss, val_loss: loss * 2, eta_seconds: 1 },
});

describe("loss curves", () => {
  it("go on from what the gateway kept", () => {
    const run = new LiveRun((draw) => draw());
    run.load([{ job_id: "j", label: "LSTM", epochs: [1, 2], loss: [3, 2], val_loss: [6, 4] }]);
    run.hear(progress(3, 1));
    expect(run.curves.get("j")).toEqual({ label: "LSTM", epochs: [1, 2, 3], loss: [3, 2, 1], val_loss: [6, 4, 2] });
  });

  it("have every epoch, also of a fit that tells several at once", () => {
    const run = new LiveRun((draw) => draw());
    const told = progress(4, 1);
    run.hear(progress(1, 4));
    run.hear({ ...told, data: { ...told.data, curve: [2, 3, 4].map((epoch) => ({ epoch, loss: 5 - epoch, val_loss: 10 - 2 * epoch })) } });
    expect(run.curves.get("j")).toEqual({ label: "LSTM", epochs: [1, 2, 3, 4], loss: [4, 3, 2, 1], val_loss: [8, 6, 4, 2] });
  });

  it("begin again where a fit that was interrupted does, and bars never go back", () => {
    const run = new LiveRun((draw) => draw());
    for (const epoch of [1, 2, 3, 2]) run.hear(progress(epoch, 4 - epoch));
    expect(run.curves.get("j")?.epochs).toEqual([1, 2]);
    expect(run.fits.get("j")?.fraction).toBeCloseTo(0.3);
  });

  it("are told to the screen once a while, however many events come", () => {
    const frames: (() => void)[] = [];
    const run = new LiveRun((draw) => frames.push(draw));
    let told = 0;
    run.subscribe(() => told++);
    for (let epoch = 1; epoch <= 1000; epoch++) run.hear(progress(epoch, 1 / epoch));
    expect(frames).toHaveLength(1);
    frames[0]?.();
    expect(told).toBe(1);
    expect(run.curves.get("j")?.epochs).toHaveLength(1000);
  });
});
