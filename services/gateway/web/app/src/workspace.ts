// What is known of the session that is open: its files, runs and form, as of the newest snapshot.
import { createContext, useContext } from "react";

import type { Workspace } from "./api";

export const WorkspaceContext = createContext<Workspace | null>(null);

/** The session that is open. */
export function useWorkspace(): Workspace {
  const found = useContext(WorkspaceContext);
  if (!found) throw new Error("outside of a session");
  return found;
}
