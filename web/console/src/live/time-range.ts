/** What a trend shows: a span that ends now and moves on, or fixed instants. All in milliseconds. */
export type TimeRange = { kind: 'live'; spanMs: number } | { kind: 'fixed'; from: number; to: number };

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const QUICK_SPANS: readonly { label: string; spanMs: number }[] = [
  { label: '2m', spanMs: 2 * MINUTE },
  { label: '15m', spanMs: 15 * MINUTE },
  { label: '1h', spanMs: HOUR },
  { label: '8h', spanMs: 8 * HOUR },
  { label: '24h', spanMs: DAY },
  { label: '7d', spanMs: 7 * DAY },
];

export const DEFAULT_RANGE: TimeRange = { kind: 'live', spanMs: 15 * MINUTE };

/** Closest zoom and widest zoom. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 400 * DAY;
const UNIT_MS: Record<string, number> = { s: 1000, m: MINUTE, h: HOUR, d: DAY };

/** `"15m"` → 900000; `null` when it is no span or out of bounds. */
export function parseSpan(text: string | null): number | null {
  const match = /^(\d{1,6})([smhd])$/.exec(text ?? '');
  if (!match) return null;
  const spanMs = Number(match[1]) * UNIT_MS[match[2]!]!;
  return spanMs >= SHORTEST_MS && spanMs <= LONGEST_MS ? spanMs : null;
}

/** The shortest text that names the span exactly to the second. */
export function formatSpan(spanMs: number): string {
  const seconds = Math.max(1, Math.round(spanMs / 1000));
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  if (seconds % 60 === 0) return `${seconds / 60}m`;
  return `${seconds}s`;
}

/** Reads `span=15m`, or `from=…&to=…`; anything unreadable is the default. */
export function rangeFromQuery(query: URLSearchParams): TimeRange {
  const from = Date.parse(query.get('from') ?? '');
  const to = Date.parse(query.get('to') ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && to - from >= SHORTEST_MS) return { kind: 'fixed', from, to };
  const spanMs = parseSpan(query.get('span'));
  return spanMs === null ? DEFAULT_RANGE : { kind: 'live', spanMs };
}

/** The reverse of `rangeFromQuery`, as parameters to set. */
export function rangeToQuery(range: TimeRange): Record<'span' | 'from' | 'to', string | null> {
  if (range.kind === 'live') return { span: formatSpan(range.spanMs), from: null, to: null };
  return { span: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

export function bounds(range: TimeRange, now: number): { from: number; to: number } {
  return range.kind === 'live' ? { from: now - range.spanMs, to: now } : { from: range.from, to: range.to };
}

/** Zooms about `centre` by `factor` (< 1 is closer). The result is fixed, never past `now` by more than the span. */
export function zoom(range: TimeRange, factor: number, centre: number, now: number): TimeRange {
  const { from, to } = bounds(range, now);
  const span = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (to - from) * factor));
  const share = (centre - from) / (to - from);
  const newFrom = centre - share * span;
  return { kind: 'fixed', from: newFrom, to: newFrom + span };
}

/** Shifts by a share of the span; positive is later. */
export function pan(range: TimeRange, share: number, now: number): TimeRange {
  const { from, to } = bounds(range, now);
  const shift = (to - from) * share;
  return { kind: 'fixed', from: from + shift, to: to + shift };
}

export function sameRange(a: TimeRange, b: TimeRange): boolean {
  if (a.kind === 'live') return b.kind === 'live' && a.spanMs === b.spanMs;
  return b.kind === 'fixed' && a.from === b.from && a.to === b.to;
}
