// Two catalogues with the same keys: a key one of them lacks does not compile.
import i18next from "i18next";
import { useSyncExternalStore } from "react";

import { en } from "./en";
import type { enSession } from "./enSession";

export type Key = keyof typeof en | keyof typeof enSession;
export type Catalogue = Record<Key, string>;
export type Language = "en" | "de";

const KEY = "trainyard-language";
const i18n = i18next.createInstance();

const wanted = (): Language => {
  const kept = localStorage.getItem(KEY);
  return kept === "de" || kept === "en" ? kept : navigator.language.startsWith("de") ? "de" : "en";
};

export async function startLanguage(): Promise<void> {
  await i18n.init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
  });
  if (wanted() === "de") await useLanguage_("de");
  else document.documentElement.lang = "en";
}

async function useLanguage_(language: Language): Promise<void> {
  if (language === "de" && !i18n.hasResourceBundle("de", "translation")) {
    const { de } = await import("./de");
    i18n.addResourceBundle("de", "translation", de);
  }
  document.documentElement.lang = language;
  await i18n.changeLanguage(language);
}

export async function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEY, language);
  await useLanguage_(language);
}

export const language = (): Language => i18n.language as Language;

export const t = (key: Key, values: Record<string, string | number> = {}): string => i18n.t(key, values);

/** Whether the catalogue has a text for a code that came from the gateway. */
export const known = (key: string): key is Key => i18n.exists(key);

/** Add English texts of screens that come later; German has all of its own. */
export const addTexts = (texts: Partial<Catalogue>): void => {
  i18n.addResourceBundle("en", "translation", texts, true);
};

const subscribe = (listener: () => void) => {
  i18n.on("languageChanged", listener);
  return () => i18n.off("languageChanged", listener);
};

/** The language in use; a component that calls this is drawn anew when it changes. */
export const useLanguage = (): Language => useSyncExternalStore(subscribe, () => i18n.language as Language);
