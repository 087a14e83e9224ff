import type { AlarmState, AlarmView, HealthView, Priority } from '../api/types';
import { MINUTE } from '../live/time-range';
import type { QueryChange } from './route';

export const PRIORITIES: readonly Priority[] = ['critical', 'high', 'medium', 'low'];

/** 1 is the most urgent; the number that is drawn in the mark. */
export function priorityNumber(priority: Priority): number {
  return PRIORITIES.indexOf(priority) + 1 || 4;
}

/** What needs an operator, then what is active, then what waits for its reset, what is put aside, what is at rest. */
const ATTENTION: Record<AlarmState, number> = {
  UNACK: 0,
  RTNUN: 0,
  LTUNK: 0,
  ACKED: 1,
  LTACK: 2,
  OOSRV: 3,
  DSUPR: 3,
  SHLVD: 3,
  NORM: 4,
};

/** Of equal priority, one whose condition is true comes before those that have returned or are latched. */
const STATE_ORDER: Record<AlarmState, number> = {
  UNACK: 0,
  RTNUN: 1,
  LTUNK: 2,
  ACKED: 3,
  LTACK: 4,
  SHLVD: 5,
  DSUPR: 6,
  OOSRV: 7,
  NORM: 8,
};

type Shown = Pick<AlarmView, 'state'>;

/** Not annunciated: shelved, suppressed or out of service. */
export function isHidden({ state }: Shown): boolean {
  return state === 'SHLVD' || state === 'DSUPR' || state === 'OOSRV';
}

export function isUnacknowledged({ state }: Shown): boolean {
  return state === 'UNACK' || state === 'RTNUN' || state === 'LTUNK';
}

export function isLatched({ state }: Shown): boolean {
  return state === 'LTUNK' || state === 'LTACK';
}

/** Whether it belongs to the active list: neither at rest nor hidden. */
export function isStanding(alarm: Shown): boolean {
  return alarm.state !== 'NORM' && !isHidden(alarm);
}

/** Whether it blinks: silence ends that, not the alarm. */
export function flashes(alarm: Pick<AlarmView, 'state' | 'silenced'>): boolean {
  return isUnacknowledged(alarm) && !alarm.silenced;
}

export const LISTS = ['standing', 'shelved', 'suppressed', 'out_of_service', 'all'] as const;
export type AlarmList = (typeof LISTS)[number];

const IN_LIST: Record<AlarmList, (alarm: AlarmView) => boolean> = {
  standing: isStanding,
  shelved: (alarm) => alarm.state === 'SHLVD',
  suppressed: (alarm) => alarm.state === 'DSUPR',
  out_of_service: (alarm) => alarm.state === 'OOSRV',
  all: () => true,
};

/** Each alarm is in one list by the state that is shown, and in that of all. */
export function isInList(list: AlarmList, alarm: AlarmView): boolean {
  return IN_LIST[list](alarm);
}

/** How many each list has; from the health of the plant until the alarms are there, `null` where neither tells. */
export function listCounts(alarms: AlarmView[] | null, health: HealthView['alarms'] | null): Record<AlarmList, number | null> {
  const count = (list: AlarmList) =>
    alarms ? alarms.reduce((sum, alarm) => sum + (IN_LIST[list](alarm) ? 1 : 0), 0) : list === 'all' ? null : (health?.[list] ?? null);
  return Object.fromEntries(LISTS.map((list) => [list, count(list)])) as Record<AlarmList, number | null>;
}

export const STATE_FILTERS = ['unacknowledged', 'active', 'latched'] as const;
export type StateFilter = (typeof STATE_FILTERS)[number];

export const MATCHES_STATE: Record<StateFilter, (alarm: AlarmView) => boolean> = {
  unacknowledged: isUnacknowledged,
  active: (alarm) => alarm.state === 'UNACK' || alarm.state === 'ACKED',
  latched: isLatched,
};

/** Most urgent first: priority, then the newest. */
export function compareUrgency(a: AlarmView, b: AlarmView): number {
  return priorityNumber(a.priority) - priorityNumber(b.priority) || compareTimes(b.raised_at, a.raised_at) || a.id - b.id;
}

/** What a list of alarms shows first: what needs an operator, of that the most urgent. */
export function compareAttention(a: AlarmView, b: AlarmView): number {
  return (
    ATTENTION[a.state] - ATTENTION[b.state] ||
    priorityNumber(a.priority) - priorityNumber(b.priority) ||
    STATE_ORDER[a.state] - STATE_ORDER[b.state] ||
    compareUrgency(a, b)
  );
}

export function compareStates(a: AlarmView, b: AlarmView): number {
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

/** Parameters of the trend page for the time around an alarm. * `end`: when it was over; to `now` where it stands. */
export function trendAround(tag: string, time: string | null, now: number, end: string | null = time): QueryChange {
  const at = time === null ? Number.NaN : Date.parse(time);
  if (!Number.isFinite(at)) return { tag: [tag], span: '15m' };
  if (now - at < 5 * MINUTE) return { tag: [tag], span: '15m' };
  const over = Math.max(at, end === null ? now : Date.parse(end) || at);
  return {
    tag: [tag],
    from: new Date(at - 10 * MINUTE).toISOString(),
    to: new Date(Math.max(at, Math.min(over + 10 * MINUTE, now))).toISOString(),
  };
}
