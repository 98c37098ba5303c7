// A socket.io-client as the earlier frontend uses it; prints what it hears, one JSON line each.
// Usage: node follow.mjs <url> <session> <transport> <token or ""> [command JSON ...]
import { io } from "socket.io-client";

const [url, session, transport, token, ...commands] = process.argv.slice(2);
const socket = io(url, { transports: [transport], auth: token ? { token } : {}, reconnection: false });
const say = (name, body) => console.log(JSON.stringify([name, body ?? null]));

socket.onAny(say);
socket.on("connect_error", (error) => { say("connect_error", error.message); process.exit(0); });
socket.on("disconnect", (reason) => { say("disconnect", reason); process.exit(0); });
socket.on("connected", async () => {
  say("answer", await socket.emitWithAck("join_session", { session_id: session }));
  for (const command of commands) {
    const [name, body] = JSON.parse(command);
    say("answer", await socket.emitWithAck(name, body));
  }
  say("ready");
});
process.stdin.on("end", () => socket.disconnect()).resume();
