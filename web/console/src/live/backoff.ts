/** First delay before a reconnect, in milliseconds. */
const BASE_MS = 500;
/** Longest delay: an operator waits no longer than this for a server that came back. */
const CAP_MS = 10_000;

/**
 * Delay before reconnect number `attempt` (0 = first): doubles up to the cap; half of it is jitter, so that many
 * consoles do not return in the same instant.
 *
 * * `random`: uniform in [0, 1).
 */
export function reconnectDelayMs(attempt: number, random: number): number {
  const full = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));
  return full / 2 + (full / 2) * random;
}
