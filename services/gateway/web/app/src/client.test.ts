import { describe, expect, it } from "vitest";

import { call, follow, isPassing, type LiveEvent, Problem, upload } from "./client";

const MB = 2 ** 20;
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const noWait = () => Promise.resolve();

/** A gateway that keeps what it gets; `fails` of its answers are lost first. */
function gateway(fails: (path: string) => boolean = () => false) {
  const pieces = new Map<number, number>();
  const asked: string[] = [];
  const send = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input);
    asked.push(`${init?.method} ${path}`);
    if (fails(path)) throw new TypeError("Failed to fetch");
    if (path.endsWith("/csv-files")) {
      const total = (JSON.parse(String(init?.body)) as { totalChunks: number }).totalChunks;
      const missing = Array.from({ length: total }, (_, k) => k).filter((k) => !pieces.has(k));
      return json({ file_id: "f", missing });
    }
    pieces.set(Number(path.split("/").at(-1)), (init?.body as Blob).size);
    return json({});
  }) as typeof fetch;
  return { pieces, asked, send };
}

describe("calls", () => {
  it("turn a refusal into a problem with its code and what to do", async () => {
    const refusal = { success: false, code: "TOO_LARGE", error: "too large", suggestions: ["Split it."] };
    const send = (async () => json(refusal, 413)) as unknown as typeof fetch;
    const problem = await call("GET", "/x", undefined, { fetch: send }).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ code: "TOO_LARGE", message: "too large", status: 413, suggestions: ["Split it."] });
    expect(isPassing(problem)).toBe(false);
  });

  it("say that a gateway that is away or busy may answer in a moment", () => {
    expect(isPassing(new TypeError("Failed to fetch"))).toBe(true);
    expect(isPassing(new Problem({}, 503))).toBe(true);
    expect(isPassing(new Problem({}, 429))).toBe(true);
    expect(isPassing(new Error("a mistake of ours"))).toBe(false);
  });
});

describe("uploads", () => {
  const file = new File([new Uint8Array(9 * MB)], "load.csv");

  it("send every piece once and tell how far they are", async () => {
    const { pieces, send } = gateway();
    const told: number[] = [];
    await upload(file, { sessionId: "s", fetch: send, wait: noWait, onProgress: (sent) => told.push(sent) });
    expect([...pieces].sort()).toEqual([[0, 4 * MB], [1, 4 * MB], [2, MB]]);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(9 * MB);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  it("go on by themselves when the gateway was away, the announcement included", async () => {
    let lost = 0;
    const { pieces, send } = gateway(() => lost++ % 2 === 0);
    const away: boolean[] = [];
    await upload(file, { sessionId: "s", fetch: send, wait: noWait, onAway: (is) => away.push(is) });
    expect(pieces.size).toBe(3);
    expect(away).toContain(true);
    expect(away.at(-1)).toBe(false);
  });

  it("send only what is missing when the same file is given again", async () => {
    const { pieces, asked, send } = gateway();
    pieces.set(0, 4 * MB).set(2, MB);
    const told: number[] = [];
    await upload(file, { sessionId: "s", fetch: send, wait: noWait, onProgress: (sent) => told.push(sent) });
    expect(asked.filter((line) => line.startsWith("PUT"))).toEqual(["PUT /api/training/upload/s/f/1"]);
    expect(told).toEqual([5 * MB, 9 * MB]);
  });

  it("end at once when they are refused", async () => {
    const refused = (async () => json({ code: "NOT_CSV", error: "no CSV" }, 415)) as unknown as typeof fetch;
    await expect(upload(file, { sessionId: "s", fetch: refused, wait: noWait })).rejects.toMatchObject({ code: "NOT_CSV" });
  });
});

class Socket {
  static all: Socket[] = [];
  onopen?: () => void;
  onmessage?: (message: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  constructor(readonly url: string) {
    Socket.all.push(this);
  }
  close() {
    this.onclose?.({ code: 1000 });
  }
  say(seq: number | null) {
    this.onmessage?.({ data: JSON.stringify({ seq, type: "x", data: {} }) });
  }
}

describe("live events", () => {
  const start = (after: number) => {
    Socket.all = [];
    const heard: (number | null)[] = [];
    const states: boolean[] = [];
    let gone = 0;
    const stop = follow("s", {
      after,
      onEvent: (event: LiveEvent) => heard.push(event.seq),
      onState: (live) => states.push(live),
      onGone: () => gone++,
      open: (url) => new Socket(url) as unknown as WebSocket,
      wait: noWait,
    });
    return { heard, states, stop, gone: () => gone };
  };

  it("begin after what is known already and never come twice", async () => {
    const { heard } = start(7);
    expect(Socket.all[0]?.url).toContain("/ws/sessions/s?after=7");
    Socket.all[0]?.say(8);
    Socket.all[0]?.say(null);
    Socket.all[0]?.onclose?.({ code: 1006 });
    await noWait();
    await noWait();
    expect(Socket.all[1]?.url).toContain("after=8");
    Socket.all[1]?.say(8);
    Socket.all[1]?.say(9);
    expect(heard).toEqual([8, null, 9]);
  });

  it("end when the session is gone", async () => {
    const { gone, states } = start(0);
    Socket.all[0]?.onopen?.();
    Socket.all[0]?.onclose?.({ code: 4404 });
    await noWait();
    await noWait();
    expect(gone()).toBe(1);
    expect(states).toEqual([true, false]);
    expect(Socket.all).toHaveLength(1);
  });
});
