// The gateway from a browser: calls, uploads that go on after an interruption, live events that go on after one.
// Has no dependencies, so that other pages can take it as it is.

const BASE = "/api/training";
const PIECE = 4 * 2 ** 20; // three pieces of 4 MB at a time are right for browsers
const PARALLEL = 3;

export interface Refusal {
  code: string;
  error: string;
  suggestions: string[];
  details?: Record<string, unknown>;
}

/** What the gateway refuses: a stable code, what was found, what to do. */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly suggestions: string[];
  readonly details: Record<string, unknown>;

  constructor(body: Partial<Refusal>, status: number) {
    super(body.error ?? `HTTP ${status}`);
    this.code = body.code ?? "UNKNOWN";
    this.status = status;
    this.suggestions = body.suggestions ?? [];
    this.details = body.details ?? {};
  }

  /** Whether the same request may work in a moment. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 408 || this.status === 429;
  }
}

/** Tell whether trying again may help: the gateway is away, busy or starting again. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Problem ? error.passing : error instanceof TypeError;

export interface Options {
  fetch?: typeof fetch;
  wait?: (ms: number) => Promise<void>;
  signal?: AbortSignal | undefined;
}

const sleep = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));
const pause = (attempt: number, most: number) => Math.min(most, 300 * 2 ** attempt) * (0.5 + Math.random() / 2);

/** Call a path of the API; the answer is its JSON. */
export async function call<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<T> {
  const send = options.fetch ?? fetch;
  const raw = body instanceof Blob;
  const answer = await send(BASE + path, {
    method,
    headers: body === undefined || raw ? {} : { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const told = (await answer.json().catch(() => ({}))) as T;
  if (!answer.ok) throw new Problem(told as Partial<Refusal>, answer.status);
  return told;
}

/** Do something again until it works or is refused for good; `onAway` hears of every failure. */
export async function patiently<T>(
  work: () => Promise<T>,
  { wait = sleep, signal, onAway }: Options & { onAway?: (away: boolean) => void } = {},
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      const done = await work();
      onAway?.(false);
      return done;
    } catch (error) {
      if (signal?.aborted || !isPassing(error)) throw error;
      onAway?.(true);
      await wait(pause(attempt, 8000));
      if (signal?.aborted) throw error;
    }
  }
}

export interface UploadOptions extends Options {
  sessionId: string;
  role?: "input" | "output";
  options?: Record<string, unknown>;
  /** Bytes that are safe, of all. */
  onProgress?: (sent: number, total: number) => void;
  /** True while the gateway cannot be reached; the upload goes on by itself. */
  onAway?: (away: boolean) => void;
}

interface Announced {
  file_id: string;
  missing: number[];
}

/**
 * Upload a file in pieces. The gateway remembers what is safe: after a lost connection, a restart or a reload
 * the same file goes on where it was. Abort the signal to pause; call again to go on.
 */
export async function upload(file: File, asked: UploadOptions): Promise<string> {
  const { sessionId, role = "input", options = {}, onProgress, signal } = asked;
  const totalChunks = Math.max(1, Math.ceil(file.size / PIECE));
  const piece = (index: number) => file.slice(index * PIECE, (index + 1) * PIECE);
  const announcement = { sessionId, fileName: file.name, type: role, totalChunks, fileSize: file.size, options };
  const announced = await patiently(() => call<Announced>("POST", "/csv-files", announcement, asked), asked);
  const left = [...announced.missing];
  let sent = file.size - left.reduce((sum, index) => sum + piece(index).size, 0);
  onProgress?.(sent, file.size);
  const worker = async () => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      if (signal?.aborted) throw new DOMException("paused", "AbortError");
      const path = `/upload/${sessionId}/${announced.file_id}/${index}`;
      const bytes = piece(index);
      await patiently(() => call("PUT", path, bytes, asked), asked);
      sent += bytes.size;
      onProgress?.(sent, file.size);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return announced.file_id;
}

export interface LiveEvent {
  seq: number | null;
  id: string | null;
  type: string;
  session_id: string;
  run_id: string | null;
  job_id: string | null;
  time: string;
  data: Record<string, unknown>;
}

export interface FollowOptions {
  /** The last event that is known already. */
  after: number;
  onEvent: (event: LiveEvent) => void;
  onState?: (live: boolean) => void;
  /** The session is gone, or somebody else's: nothing more will come. */
  onGone?: () => void;
  open?: (url: string) => WebSocket;
  wait?: (ms: number) => Promise<void>;
}

/** Follow a session: every event once and in order, across lost connections. Returns what stops it. */
export function follow(sessionId: string, asked: FollowOptions): () => void {
  const { onEvent, onState, onGone, open = (url) => new WebSocket(url), wait = sleep } = asked;
  let last = asked.after;
  let attempt = 0;
  let stopped = false;
  let socket: WebSocket | undefined;
  const connect = () => {
    if (stopped) return;
    socket = open(`${location.origin.replace(/^http/, "ws")}/ws/sessions/${sessionId}?after=${last}`);
    socket.onopen = () => {
      attempt = 0;
      onState?.(true);
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data as string) as LiveEvent;
      if (event.seq !== null) {
        if (event.seq <= last) return; // heard before the connection was lost
        last = event.seq;
      }
      onEvent(event);
    };
    socket.onclose = ({ code }) => {
      onState?.(false);
      if (stopped) return;
      if (code === 4404 || code === 4401) onGone?.();
      else void wait(pause(attempt++, 15_000)).then(connect);
    };
  };
  connect();
  return () => {
    stopped = true;
    socket?.close();
  };
}
