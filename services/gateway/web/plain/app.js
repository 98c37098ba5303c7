// The page: a list of sessions, or one session from its files to its leaderboard.
import { get, post } from "./api.js";
import { h, problem } from "./dom.js";
import { openSession } from "./session.js";

const main = document.getElementById("main");
const sessionId = new URLSearchParams(location.search).get("session");

async function listSessions() {
  const { sessions } = await get("/list-sessions");
  const name = h("input", { id: "name", placeholder: "Load of my town", maxlength: 255 });
  const create = async (event) => {
    event.preventDefault();
    const answer = await post("/init-session", { sessionName: name.value });
    location.search = `?session=${answer.data.uuid}`;
  };
  main.replaceChildren(
    h("section", { class: "card" }, h("h2", {}, "New session"),
      h("form", { onsubmit: create }, h("label", { for: "name" }, "Name "), name, " ", h("button", {}, "Open"))),
    h("section", { class: "card" }, h("h2", {}, "Your sessions"), sessions.length ? table(sessions)
      : h("p", { class: "soft" }, "None yet. A session holds your files, settings and training runs.")));
}

const table = (sessions) => h("div", { class: "scroll" }, h("table", {},
  h("thead", {}, h("tr", {}, ["Name", "Files", "Windows", "Last change"].map((t) => h("th", { scope: "col" }, t)))),
  h("tbody", {}, sessions.map((s) => h("tr", {},
    h("td", {}, h("a", { href: `?session=${s.sessionUuid}` }, s.sessionName || s.sessionId)),
    h("td", {}, String(s.fileCount)), h("td", {}, s.nDat ?? "–"),
    h("td", {}, new Date(s.lastUpdated).toLocaleString()))))));

try {
  await (sessionId ? openSession(main, sessionId) : listSessions());
} catch (error) {
  main.replaceChildren(problem(error), h("p", {}, h("a", { href: "./" }, "Back to the sessions")));
}
