/** Pause between flushes of a hidden page, where the browser stops animation frames. */
const HIDDEN_MS = 1_000;

/** Runs `work` before the next paint, or after a second where the page is hidden. */
export function onNextFrame(work: () => void): void {
  if (typeof document !== 'undefined' && !document.hidden) requestAnimationFrame(work);
  else setTimeout(work, HIDDEN_MS);
}

export type Schedule = (work: () => void) => void;
