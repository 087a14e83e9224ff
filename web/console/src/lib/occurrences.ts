import type { AlarmView, Occurrence } from '../api/types';
import { DAY, formatSpan, HOUR, parseSpan, type TimeRange } from '../live/time-range';

export const OCCURRENCE_SPANS: readonly { label: string; spanMs: number }[] = [
  { label: '1 h', spanMs: HOUR },
  { label: '8 h', spanMs: 8 * HOUR },
  { label: '24 h', spanMs: DAY },
  { label: '7 d', spanMs: 7 * DAY },
];

const DEFAULT_SPAN_MS = DAY;

/** Reads `span=8h`, or `from=…&to=…`; anything unreadable is the last day. */
export function occurrenceRange(query: URLSearchParams): TimeRange {
  const from = Date.parse(query.get('from') ?? '');
  const to = Date.parse(query.get('to') ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { kind: 'fixed', from, to };
  return { kind: 'live', spanMs: parseSpan(query.get('span')) ?? DEFAULT_SPAN_MS };
}

/** The reverse, as parameters to set; the last day leaves the address short. */
export function occurrenceRangeQuery(range: TimeRange): Record<'span' | 'from' | 'to', string | null> {
  if (range.kind === 'live') return { span: range.spanMs === DEFAULT_SPAN_MS ? null : formatSpan(range.spanMs), from: null, to: null };
  return { span: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

/** The range as the server takes it; one that ends now has no end, so that what comes is in it. */
export function rangeForServer(range: TimeRange): { from: string; to?: string } {
  if (range.kind === 'live') return { from: `now-${formatSpan(range.spanMs)}` };
  return { from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

export function occurrenceKey(occurrence: Occurrence): string {
  return `${occurrence.alarm_id} ${occurrence.occurrence}`;
}

/** How long it stood, or has stood until `now`, ms. */
export function standsMs(occurrence: Occurrence, now: number): number {
  return occurrence.duration_ms ?? Math.max(0, now - Date.parse(occurrence.raised_at));
}

/** Alarms to offer while a name is typed: those whose name holds it, at most `most`. */
export function alarmOffers(alarms: readonly AlarmView[], typed: string, most = 50): string[] {
  const wanted = typed.trim().toLowerCase();
  const names = alarms.map((alarm) => alarm.name).filter((name) => name.toLowerCase().includes(wanted));
  return names.sort((a, b) => a.localeCompare(b)).slice(0, most);
}
