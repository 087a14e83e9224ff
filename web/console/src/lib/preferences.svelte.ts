import type { Language } from '../text/text.svelte';

export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'flyball.console';

interface Stored {
  theme: Theme;
  language: Language | null;
  shortcuts: boolean;
  operator: string;
  pinned: string[];
}

const DEFAULTS: Stored = { theme: 'auto', language: null, shortcuts: true, operator: '', pinned: [] };

function read(): Stored {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return { ...DEFAULTS, ...(typeof stored === 'object' && stored !== null ? stored : {}) };
  } catch {
    return DEFAULTS;
  }
}

/** Choices of this browser; the server knows nothing of them. */
class Preferences {
  #stored: Stored = $state.raw(read());

  get current(): Readonly<Stored> {
    return this.#stored;
  }

  set(change: Partial<Stored>): void {
    this.#stored = { ...this.#stored, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#stored));
    } catch {
      // private windows may refuse: the choice then lasts until the page closes
    }
    this.applyTheme();
  }

  /** A pinned tag stays pinned under its new name. */
  rename(tag: string, name: string): void {
    const { pinned } = this.#stored;
    if (tag !== name && pinned.includes(tag)) this.set({ pinned: pinned.map((one) => (one === tag ? name : one)) });
  }

  applyTheme(): void {
    document.documentElement.dataset.theme = this.#stored.theme;
  }
}

export const preferences = new Preferences();
