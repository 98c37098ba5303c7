// What goes on in a run: the newest of every fit and its loss curve, told to the screen four times a second.
import { useSyncExternalStore } from "react";

import type { Curve, Job } from "./api";
import type { LiveEvent } from "./client";

/** Curves of thousands of epochs take some milliseconds to draw; in a tab nobody sees nothing is drawn. */
const PAUSE = 250;
const soon = (draw: () => void) => void setTimeout(() => requestAnimationFrame(draw), PAUSE);

export interface Losses {
  label: string;
  epochs: number[];
  loss: (number | null)[];
  val_loss: (number | null)[];
}

export interface Fit {
  fraction: number;
  phase: string;
  epoch: number | null;
  nEpochs: number | null;
  eta: number | null;
}

/** The fits of one run. Epochs only grow at the end of a curve, so a told epoch costs no copy of what came before. */
export class LiveRun {
  readonly fits = new Map<string, Fit>();
  readonly curves = new Map<string, Losses>();
  private version = 0;
  private waiting = false;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly later: (draw: () => void) => void = soon) {}

  /** Take over what the gateway kept; what came live meanwhile and is newer stays. */
  load(curves: readonly Curve[]): void {
    for (const { job_id, label, epochs, loss, val_loss } of curves) {
      const mine = this.curves.get(job_id);
      if (mine && (mine.epochs.at(-1) ?? 0) > (epochs.at(-1) ?? 0) && mine.epochs.length >= epochs.length) continue;
      this.curves.set(job_id, { label, epochs: [...epochs], loss: [...loss], val_loss: [...val_loss] });
    }
    this.tell();
  }

  /** Take over what a fit told; whether it is the first of a trial. */
  hear(event: LiveEvent): boolean {
    const id = event.job_id;
    if (!id || event.type !== "model.progress") return false;
    const told = event.data as { fraction: number; phase: string; epoch: number | null; n_epochs: number | null; loss: number | null; val_loss: number | null; eta_seconds: number | null; label: string; trial?: number | null; curve?: { epoch: number; loss: number; val_loss: number }[] };
    const before = this.fits.get(id);
    this.fits.set(id, {
      fraction: Math.max(before?.fraction ?? 0, told.fraction),
      phase: told.phase,
      epoch: told.epoch,
      nEpochs: told.n_epochs,
      eta: told.eta_seconds,
    });
    if (told.trial != null) { this.tell(); return !before; } // has no curve: two hundred would be no picture
    for (const { epoch, loss, val_loss } of told.curve ?? []) this.point(id, told.label, epoch, loss, val_loss);
    if (told.epoch != null && told.epoch !== told.curve?.at(-1)?.epoch && (told.loss != null || told.val_loss != null)) {
      this.point(id, told.label, told.epoch, told.loss ?? null, told.val_loss ?? null);
    }
    this.tell();
    return false;
  }

  private point(id: string, label: string, epoch: number, loss: number | null, valLoss: number | null): void {
    const curve = this.curves.get(id) ?? { label, epochs: [], loss: [], val_loss: [] };
    this.curves.set(id, curve);
    let place = curve.epochs.length;
    while (place > 0 && (curve.epochs[place - 1] as number) >= epoch) place--; // a fit that began again
    curve.epochs.length = curve.loss.length = curve.val_loss.length = place;
    curve.epochs.push(epoch);
    curve.loss.push(loss);
    curve.val_loss.push(valLoss);
  }

  private tell(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.later(() => {
      this.waiting = false;
      this.version++;
      for (const listener of this.listeners) listener();
    });
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  readonly current = () => this.version;
}

/** Follow a run's fits; the component is drawn anew at most four times a second. */
export const useLiveRun = (run: LiveRun): number => useSyncExternalStore(run.subscribe, run.current);

/** How far a job is, of what the ledger says and what was heard since. */
export function progressOf(job: Job, fit: Fit | undefined): number {
  if (job.status === "finished") return 100;
  if (job.status === "failed" || job.status === "cancelled") return job.progress;
  return Math.min(99, Math.max(job.progress, fit ? 100 * fit.fraction : 0));
}

const runs = new Map<string, LiveRun>();

export function liveRun(runId: string): LiveRun {
  const found = runs.get(runId) ?? new LiveRun();
  runs.set(runId, found);
  return found;
}
