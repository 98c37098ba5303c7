// The form of the open session: shown at once, kept by the gateway a moment later.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { keepDraft, type Workspace } from "./api";
import { type Draft, draftOf } from "./spec";

const PAUSE = 500;

export function useDraft(workspace: Workspace): [Draft, (change: Partial<Draft>) => void] {
  const queries = useQueryClient();
  const sid = workspace.session_id;
  const [own, setOwn] = useState<Partial<Draft>>(() => workspace.draft as Partial<Draft>);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const unsaved = useRef<Partial<Draft> | null>(null);
  const draft = useMemo(() => draftOf(own, workspace.files), [own, workspace.files]);

  const save = useCallback(() => {
    clearTimeout(timer.current);
    const kept = unsaved.current;
    if (!kept) return;
    unsaved.current = null;
    void keepDraft(sid, kept as Record<string, unknown>).catch(() => { unsaved.current ??= kept; });
  }, [sid]);

  const change = useCallback((more: Partial<Draft>) => {
    setOwn((before) => {
      const next = { ...before, ...more };
      unsaved.current = next;
      queries.setQueriesData<Workspace>({ queryKey: ["workspace"] }, (seen) => (seen && seen.session_id === sid ? { ...seen, draft: next as Workspace["draft"] } : seen));
      return next;
    });
    clearTimeout(timer.current);
    timer.current = setTimeout(save, PAUSE);
  }, [queries, save, sid]);

  useEffect(() => {
    addEventListener("pagehide", save);
    return () => { removeEventListener("pagehide", save); save(); };
  }, [save]);
  return [draft, change];
}
