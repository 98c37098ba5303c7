// Light, dark, or as the system has it; and what has to be drawn anew when that changes.
import { useSyncExternalStore } from "react";

export type Theme = "auto" | "light" | "dark";
const KEY = "trainyard-theme";
const system = () => matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export const chosenTheme = (): Theme => (localStorage.getItem(KEY) as Theme | null) ?? "auto";

export function applyTheme(theme: Theme = chosenTheme()): void {
  localStorage.setItem(KEY, theme);
  const dark = theme === "dark" || (theme === "auto" && system().matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function watchSystemTheme(): void {
  system().addEventListener("change", () => applyTheme());
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** The theme in use, for what draws on a canvas. */
export const useTheme = () => useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme ?? "light");

/** A colour of the style sheet as it is now. */
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
