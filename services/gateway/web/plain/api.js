// The gateway from a browser: calls, resumable uploads, live events. Has no dependencies; other pages may use it.
const BASE = "/api/training";
const PIECE = 4 * 2 ** 20; // three chunks of 4 MB at a time are right for browsers
const PARALLEL = 3;

/** What the gateway refuses, with its code and what to do. */
export class Problem extends Error {
  constructor(body, status) {
    super(body.error ?? `HTTP ${status}`);
    Object.assign(this, { code: body.code, status, suggestions: body.suggestions ?? [], details: body.details });
  }
}

/** Call a path of the API; the answer is its JSON. */
export async function call(method, path, body, headers = {}) {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(BASE + path, {
    method, headers: { ...json, ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(told, answer.status);
  return told;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}, headers = {}) => call("POST", path, body, headers);

/**
 * Upload a file in chunks. The gateway remembers what is safe: after a reload the same file goes on where it was.
 * `onProgress(sent, total)` is called as bytes leave.
 */
export async function upload(file, { sessionId, role, onProgress = () => {} }) {
  const totalChunks = Math.max(1, Math.ceil(file.size / PIECE));
  const announced = await post("/csv-files", {
    sessionId, fileName: file.name, type: role, totalChunks, fileSize: file.size,
  });
  const left = [...announced.missing];
  let sent = file.size - left.reduce((sum, index) => sum + piece(file, index).size, 0);
  onProgress(sent, file.size);
  const worker = async () => {
    for (let index; (index = left.shift()) !== undefined;) {
      await withPatience(() => put(`${BASE}/upload/${sessionId}/${announced.file_id}/${index}`, piece(file, index)));
      sent += piece(file, index).size;
      onProgress(sent, file.size);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return announced.file_id;
}

const piece = (file, index) => file.slice(index * PIECE, (index + 1) * PIECE);

async function put(path, body) {
  const answer = await fetch(path, { method: "PUT", body });
  if (!answer.ok) throw new Problem(await answer.json().catch(() => ({})), answer.status);
}

/** Try again what may work in a moment: no connection, a busy or restarting gateway. */
async function withPatience(work, attempts = 6) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passing = !(error instanceof Problem) || error.status >= 500 || [408, 429].includes(error.status);
      if (!passing || attempt === attempts) throw error;
      await new Promise((go) => setTimeout(go, Math.min(8000, 300 * 2 ** attempt) * (0.5 + Math.random() / 2)));
    }
  }
}

/** Follow a session: every event once and in order, across lost connections. Returns a function that stops it. */
export function follow(sessionId, onEvent, onState = () => {}, after = 0) {
  let last = after, attempt = 0, socket, stopped = false;
  const open = () => {
    const base = location.origin.replace(/^http/, "ws");
    socket = new WebSocket(`${base}/ws/sessions/${sessionId}?after=${last}`);
    socket.onopen = () => { attempt = 0; onState(true); };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      last = event.seq ?? last;
      onEvent(event);
    };
    socket.onclose = ({ code }) => {
      onState(false);
      if (!stopped && code !== 4401 && code !== 4404) {
        setTimeout(open, Math.min(15000, 300 * 2 ** attempt++) * (0.5 + Math.random() / 2));
      }
    };
  };
  open();
  return () => { stopped = true; socket.close(); };
}
