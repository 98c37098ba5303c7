// The screens, each a file of its own, and what an address needs: asked for at once, not one after the other.
import type { QueryClient } from "@tanstack/react-query";

import { getResults, getStatus, getWorkspace } from "./api";

export const SCREENS = {
  data: () => import("./screens/Data"),
  setup: () => import("./screens/Setup"),
  runs: () => import("./screens/Runs"),
  run: () => import("./screens/Run"),
  model: () => import("./screens/Model"),
  forecast: () => import("./screens/Forecast"),
  models: () => import("./screens/Models"),
};
export const openSession = () => import("./screens/Session");
export const over = (status: string) => status !== "queued" && status !== "running";

/** Ask for the files and the answers the screen of an address begins with, before anything is drawn. */
export function askEarly(path: string, queries: QueryClient): void {
  const [, s, sid = "", screen = "", rid, models] = path.split("/");
  if (s !== "s" || !sid) return;
  void openSession();
  void queries.prefetchQuery({ queryKey: ["workspace", sid], queryFn: () => getWorkspace(sid) });
  if (!(screen in SCREENS)) return;
  void SCREENS[models ? "model" : screen === "runs" && rid ? "run" : (screen as keyof typeof SCREENS)]();
  if (screen !== "runs" || !rid || models) return;
  void queries.fetchQuery({ queryKey: ["run", rid, "status"], queryFn: () => getStatus(sid, rid) })
    .then(({ status, run_id }) => {
      if (over(status) && run_id === rid) void queries.prefetchQuery({ queryKey: ["run", rid, "results"], queryFn: () => getResults(sid, rid) });
    }, () => {}); // the screen asks again, and says what is wrong
}
