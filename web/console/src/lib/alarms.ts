import type { AlarmState, AlarmView, Priority } from '../api/types';
import { MINUTE } from '../live/time-range';
import type { QueryChange } from './route';

export const PRIORITIES: readonly Priority[] = ['critical', 'high', 'medium', 'low'];

/** 1 is the most urgent; the number that is drawn in the mark. */
export function priorityNumber(priority: Priority): number {
  return PRIORITIES.indexOf(priority) + 1 || 4;
}

const STATE_ORDER: Record<AlarmState, number> = { UNACK: 0, RTNUN: 1, ACKED: 2, NORM: 3 };

export function isUnacknowledged(alarm: AlarmView): boolean {
  return alarm.state === 'UNACK' || alarm.state === 'RTNUN';
}

/** Most urgent first: priority, then the newest. */
export function compareUrgency(a: AlarmView, b: AlarmView): number {
  return priorityNumber(a.priority) - priorityNumber(b.priority) || compareTimes(b.raised_at, a.raised_at) || a.id - b.id;
}

/** What a list of standing alarms shows first: what needs an operator. */
export function compareAttention(a: AlarmView, b: AlarmView): number {
  return STATE_ORDER[a.state] - STATE_ORDER[b.state] || compareUrgency(a, b);
}

/** Absent times sort before all others. */
export function compareTimes(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return Date.parse(a) - Date.parse(b);
}

/** Newest of the alarms by the time they were raised. */
export function newest(alarms: AlarmView[]): AlarmView | null {
  return alarms.reduce<AlarmView | null>(
    (best, alarm) => (best === null || compareTimes(alarm.raised_at, best.raised_at) > 0 ? alarm : best),
    null,
  );
}

/** Parameters of the trend page for the time around an alarm. */
export function trendAround(tag: string, time: string | null, now: number): QueryChange {
  const at = time === null ? Number.NaN : Date.parse(time);
  if (!Number.isFinite(at)) return { tag: [tag], span: '15m' };
  if (now - at < 5 * MINUTE) return { tag: [tag], span: '15m' };
  return {
    tag: [tag],
    from: new Date(at - 10 * MINUTE).toISOString(),
    to: new Date(Math.min(at + 10 * MINUTE, now)).toISOString(),
  };
}
