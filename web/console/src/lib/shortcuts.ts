import { preferences } from './preferences.svelte';
import type { PageName } from './route';

/** How long `g` waits for its second key. */
const CHORD_MS = 1_500;

const GO: Record<string, PageName> = {
  o: 'overview',
  t: 'tags',
  r: 'trends',
  a: 'alarms',
  m: 'machines',
};

export interface ShortcutActions {
  help(): void;
  go(page: PageName): void;
  acknowledgeNewest(): void;
}

/** What the page in view offers to the keys; the page that mounted last wins. */
export interface PageKeys {
  move?(step: number): void;
  open?(): void;
  acknowledge?(): void;
  shelve?(): void;
  select?(): void;
  escape?(): boolean;
}

const pageKeys: PageKeys[] = [];

/** Registers the keys of a page; returns how to take them back. */
export function offerKeys(keys: PageKeys): () => void {
  pageKeys.push(keys);
  return () => {
    pageKeys.splice(pageKeys.indexOf(keys), 1);
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]') !== null;
}

/** Single-key shortcuts; off while typing, while a dialog is open, and where the user turned them off. */
export class Shortcuts {
  readonly #actions: ShortcutActions;
  #chordUntil = 0;

  constructor(actions: ShortcutActions) {
    this.#actions = actions;
  }

  keydown(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = pageKeys[pageKeys.length - 1];
    if (document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') {
      if (event.target instanceof HTMLElement && isTyping(event.target)) event.target.blur();
      else if (keys?.escape?.()) event.preventDefault();
      return;
    }
    if (isTyping(event.target) || !preferences.current.shortcuts) return;
    if (this.#run(event, keys)) event.preventDefault();
  }

  #run(event: KeyboardEvent, keys: PageKeys | undefined): boolean {
    const inChord = event.timeStamp < this.#chordUntil;
    this.#chordUntil = 0;
    if (inChord) {
      const page = GO[event.key];
      if (page) this.#actions.go(page);
      return page !== undefined;
    }
    switch (event.key) {
      case '?':
        this.#actions.help();
        return true;
      case '/':
        return focusSearch();
      case 'g':
        this.#chordUntil = event.timeStamp + CHORD_MS;
        return true;
      case 'j':
      case 'k':
        keys?.move?.(event.key === 'j' ? 1 : -1);
        return keys?.move !== undefined;
      case 'Enter':
        if (event.target !== document.body && !(event.target instanceof HTMLElement && event.target.matches('main, .rows'))) return false;
        keys?.open?.();
        return keys?.open !== undefined;
      case 'x':
        keys?.select?.();
        return keys?.select !== undefined;
      case 'a':
        if (keys?.acknowledge) keys.acknowledge();
        else this.#actions.acknowledgeNewest();
        return true;
      case 's':
        keys?.shelve?.();
        return keys?.shelve !== undefined;
      default:
        return false;
    }
  }
}

function focusSearch(): boolean {
  const search = document.querySelector<HTMLInputElement>('main input[type=search]');
  search?.focus();
  search?.select();
  return search !== null;
}
