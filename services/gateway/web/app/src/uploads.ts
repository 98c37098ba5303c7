// Files on their way: each can be paused, gone on with, tried again and removed; they outlive the screen.
import { useSyncExternalStore } from "react";

import { Problem, upload } from "./client";

export interface Sending {
  key: string;
  file: File;
  sid: string;
  zone: string;
  sent: number;
  state: "waiting" | "sending" | "away" | "paused" | "refused" | "sent";
  error?: unknown;
}

const LIMIT = 500 * 2 ** 20; // the gateway's usual limit: larger files are refused before a byte is sent

class Uploads {
  private list: readonly Sending[] = [];
  private readonly stops = new Map<string, AbortController>();
  private readonly listeners = new Set<() => void>();
  private count = 0;
  onSent: (sid: string) => void = () => {};

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  readonly current = () => this.list;

  add(sid: string, files: Iterable<File>, zone: string): void {
    for (const file of files) {
      const one: Sending = { key: `${++this.count}`, file, sid, zone, sent: 0, state: "waiting" };
      const known = [".csv", ".txt", ".tsv", ".csv.gz"].some((end) => file.name.toLowerCase().endsWith(end));
      if (file.size > LIMIT) this.put({ ...one, state: "refused", error: new Problem({ code: "PAGE_TOO_LARGE", error: "too large", details: { size: Math.round(file.size / 1e6), limit: Math.round(LIMIT / 1e6) } }, 413) });
      else if (file.size === 0) this.put({ ...one, state: "refused", error: new Problem({ code: "PAGE_EMPTY", error: "empty" }, 422) });
      else if (!known) this.put({ ...one, state: "refused", error: new Problem({ code: "NOT_CSV", error: "no CSV" }, 415) });
      else this.put(one);
    }
    this.next();
  }

  pause(key: string): void {
    this.change(key, { state: "paused" });
    this.stops.get(key)?.abort();
  }

  goOn(key: string): void {
    this.change(key, { state: "waiting", error: undefined });
    this.next();
  }

  remove(key: string): void {
    this.stops.get(key)?.abort();
    this.list = this.list.filter((one) => one.key !== key);
    this.tell();
    this.next();
  }

  private next(): void {
    if (this.list.some((one) => one.state === "sending" || one.state === "away")) return;
    const first = this.list.find((one) => one.state === "waiting");
    if (first) void this.send(first);
  }

  private async send({ key, file, sid, zone }: Sending): Promise<void> {
    const stop = new AbortController();
    this.stops.set(key, stop);
    this.change(key, { state: "sending" });
    try {
      await upload(file, {
        sessionId: sid,
        options: { timezone: zone },
        signal: stop.signal,
        onProgress: (sent) => this.change(key, { sent }),
        onAway: (away) => !stop.signal.aborted && this.change(key, { state: away ? "away" : "sending" }),
      });
      this.change(key, { state: "sent" });
      this.onSent(sid);
      this.list = this.list.filter((one) => one.key !== key);
    } catch (error) {
      if (!stop.signal.aborted) this.change(key, { state: "refused", error });
    }
    this.tell();
    this.next();
  }

  private put(one: Sending): void {
    this.list = [...this.list, one];
    this.tell();
  }

  private change(key: string, changes: Partial<Sending>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...changes } : one));
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export const uploads = new Uploads();
export const useUploads = (sid: string) => useSyncExternalStore(uploads.subscribe, uploads.current).filter((one) => one.sid === sid);
