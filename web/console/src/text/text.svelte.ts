import { preferences } from '../lib/preferences.svelte';
import { en } from './en';
import { es } from './es';

export type Language = 'en' | 'es';
export type TextKey = keyof typeof en;

export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'es', name: 'Español' },
];

const dictionaries: Record<Language, Record<TextKey, string>> = { en, es };

/** The chosen language, else the browser's first that is known, else English. */
export function currentLanguage(): Language {
  const chosen = preferences.current.language;
  if (chosen !== null && chosen in dictionaries) return chosen;
  for (const language of navigator.languages ?? []) {
    const code = language.slice(0, 2).toLowerCase();
    if (code === 'en' || code === 'es') return code;
  }
  return 'en';
}

export function hasText(key: string): key is TextKey {
  return key in en;
}

/** Text of `key`, with `{name}` replaced. Follows the language where it is read in a template. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = dictionaries[currentLanguage()][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
