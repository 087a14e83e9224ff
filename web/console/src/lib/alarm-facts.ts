import type { AlarmView, JournalEntry, Scalar } from '../api/types';
import { formatLimit } from './format';

/** Unit of what is compared, and so of value, set point and peak: of a rate it is per second. */
export function limitUnit(alarm: Pick<AlarmView, 'kind' | 'unit'>): string {
  return alarm.kind === 'RATE' ? `${alarm.unit ?? ''}/s` : (alarm.unit ?? '');
}

/** A value of the alarm with its unit; nothing where there is none. */
export function withLimitUnit(alarm: Pick<AlarmView, 'kind' | 'unit'>, value: Scalar): string {
  const text = formatLimit(value);
  return typeof value === 'number' ? `${text} ${limitUnit(alarm)}`.trim() : text;
}

/** Kind and set point in a line: `HIGH 15 cm`; only the kind where the set point says nothing more. */
export function limitText(alarm: AlarmView): string {
  const kind = alarm.kind.replaceAll('_', ' ');
  return alarm.kind === 'BAD_QUALITY' ? kind : `${kind} ${withLimitUnit(alarm, alarm.set_point)}`.trim();
}

/** Value and set point for a row of the list. */
export function valueAndLimit(alarm: AlarmView): string {
  const value = formatLimit(alarm.value) || '–';
  return typeof alarm.set_point === 'number' ? `${value} / ${withLimitUnit(alarm, alarm.set_point)}` : value;
}

/** What is over the state of an alarm; several may be at once, the first is the one that is shown. */
export type Aside =
  | { kind: 'out_of_service'; since: string; by: string; reason: string }
  | { kind: 'suppressed'; since: string }
  | { kind: 'shelved'; since: string; by: string; reason: string; until: string; oneShot: boolean };

export function asidesOf(alarm: AlarmView): Aside[] {
  const asides: Aside[] = [];
  const { out_of_service: out, suppressed_since: suppressed, shelf } = alarm;
  if (out) asides.push({ kind: 'out_of_service', since: out.since, by: out.by, reason: out.reason });
  if (suppressed !== null) asides.push({ kind: 'suppressed', since: suppressed });
  if (shelf) asides.push({ kind: 'shelved', since: shelf.since, by: shelf.by, reason: shelf.reason, until: shelf.until, oneShot: shelf.one_shot });
  return asides;
}

/** Milliseconds until `time`, 0 where it has come. * `now`: time of the server. */
export function remainingMs(time: string, now: number): number {
  return Math.max(0, Date.parse(time) - now);
}

/** Whether the delay under way leads to the alarm, or back from it; `null` without one. */
export function pendingDelay(alarm: AlarmView): 'on' | 'off' | null {
  if (alarm.pending_since === null) return null;
  return alarm.core === 'UNACK' || alarm.core === 'ACKED' ? 'off' : 'on';
}

/** Time that is left to respond, negative past it; `null` where the condition has passed or no time is set. */
export function respondLeftMs(alarm: AlarmView, now: number): number | null {
  if (alarm.respond_ms === null || alarm.raised_at === null || !alarm.active || alarm.core === 'NORM') return null;
  return Date.parse(alarm.raised_at) + alarm.respond_ms - now;
}

/** What people said, by number of the occurrence, oldest first. */
export function commentsByOccurrence(entries: readonly JournalEntry[]): Map<number, JournalEntry[]> {
  const said = new Map<number, JournalEntry[]>();
  for (const entry of [...entries].sort((a, b) => a.id - b.id)) {
    if (!entry.reason?.trim()) continue;
    const list = said.get(entry.occurrence);
    if (list) list.push(entry);
    else said.set(entry.occurrence, [entry]);
  }
  return said;
}
