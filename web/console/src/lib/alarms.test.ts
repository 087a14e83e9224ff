import { describe, expect, it } from 'vitest';
import type { AlarmState, AlarmView, HealthView } from '../api/types';
import { en } from '../text/en';
import { es } from '../text/es';
import {
  compareAttention,
  compareStates,
  compareUrgency,
  flashes,
  isHidden,
  isInList,
  isStanding,
  isUnacknowledged,
  listCounts,
  LISTS,
  MATCHES_STATE,
  newest,
  trendAround,
} from './alarms';

const STATES: readonly AlarmState[] = ['NORM', 'UNACK', 'ACKED', 'RTNUN', 'LTUNK', 'LTACK', 'SHLVD', 'DSUPR', 'OOSRV'];

const alarm = (id: number, change: Partial<AlarmView>): AlarmView =>
  ({ id, state: 'UNACK', priority: 'high', raised_at: `2026-01-01T00:00:0${id}.000000Z`, ...change }) as AlarmView;

describe('alarms', () => {
  it('puts the most urgent and newest first', () => {
    const list = [alarm(1, {}), alarm(2, {}), alarm(3, { priority: 'low' }), alarm(4, { priority: 'critical' })];
    expect(list.sort(compareUrgency).map((one) => one.id)).toEqual([4, 2, 1, 3]);
  });

  it('puts what needs an operator before what is known', () => {
    const list = [alarm(1, { state: 'NORM', raised_at: null }), alarm(2, { state: 'ACKED', priority: 'critical' }), alarm(3, {})];
    expect(list.sort(compareAttention).map((one) => one.id)).toEqual([3, 2, 1]);
  });

  it('puts the unacknowledged first by priority, then the active, the latched, the hidden and those at rest', () => {
    const list = STATES.map((state, id) => alarm(id, { state }));
    expect(list.sort(compareAttention).map((one) => one.state)).toEqual([
      'UNACK', 'RTNUN', 'LTUNK', 'ACKED', 'LTACK', 'SHLVD', 'DSUPR', 'OOSRV', 'NORM',
    ]);
    const urgent = [alarm(1, { state: 'UNACK', priority: 'low' }), alarm(2, { state: 'LTUNK', priority: 'critical' }), alarm(3, { state: 'ACKED', priority: 'critical' })];
    expect(urgent.sort(compareAttention).map((one) => one.id)).toEqual([2, 1, 3]);
    expect([alarm(1, { state: 'NORM' }), alarm(2, { state: 'LTACK' })].sort(compareStates).map((one) => one.id)).toEqual([2, 1]);
  });

  it('sorts the nine states into what waits, stands and is hidden', () => {
    const which = (is: (one: AlarmView) => boolean) => STATES.filter((state) => is(alarm(1, { state })));
    expect(which(isUnacknowledged)).toEqual(['UNACK', 'RTNUN', 'LTUNK']);
    expect(which(isStanding)).toEqual(['UNACK', 'ACKED', 'RTNUN', 'LTUNK', 'LTACK']);
    expect(which(isHidden)).toEqual(['SHLVD', 'DSUPR', 'OOSRV']);
    expect(which(MATCHES_STATE.latched)).toEqual(['LTUNK', 'LTACK']);
    expect(which(MATCHES_STATE.active)).toEqual(['UNACK', 'ACKED']);
  });

  it('flashes while unacknowledged, until it is silenced', () => {
    expect(STATES.filter((state) => flashes({ state, silenced: false }))).toEqual(['UNACK', 'RTNUN', 'LTUNK']);
    expect(STATES.filter((state) => flashes({ state, silenced: true }))).toEqual([]);
  });

  it('has a text for every state in both languages', () => {
    for (const state of STATES) for (const texts of [en, es]) expect(texts[`alarmstate.${state}`]).toBeTruthy();
  });

  it('shows each alarm in one list and in that of all, at rest only in the latter', () => {
    for (const state of STATES) {
      const lists = LISTS.filter((list) => isInList(list, alarm(1, { state })));
      expect(lists.length, state).toBe(state === 'NORM' ? 1 : 2);
    }
  });

  it('counts from the list, and from the health until that is there', () => {
    const health = { unacknowledged: 1, active: 2, standing: 3, shelved: 4, suppressed: 5, out_of_service: null } satisfies HealthView['alarms'];
    expect(listCounts(null, health)).toEqual({ standing: 3, shelved: 4, suppressed: 5, out_of_service: null, all: null });
    expect(listCounts(null, null).standing).toBeNull();
    const alarms = STATES.map((state, id) => alarm(id, { state }));
    expect(listCounts(alarms, health)).toEqual({ standing: 5, shelved: 1, suppressed: 1, out_of_service: 1, all: 9 });
  });

  it('finds the newest', () => {
    expect(newest([alarm(1, {}), alarm(3, {}), alarm(2, { raised_at: null })])?.id).toBe(3);
    expect(newest([])).toBeNull();
  });

  it('opens the trend at the time of the alarm, live where it is recent', () => {
    const now = Date.parse('2026-01-01T01:00:00Z');
    expect(trendAround('t', '2026-01-01T00:00:00Z', now)).toMatchObject({ from: '2025-12-31T23:50:00.000Z' });
    expect(trendAround('t', '2026-01-01T00:59:00Z', now)).toEqual({ tag: ['t'], span: '15m' });
    const long = trendAround('t', '2026-01-01T00:00:00Z', now, '2026-01-01T00:30:00Z');
    expect(long).toMatchObject({ from: '2025-12-31T23:50:00.000Z', to: '2026-01-01T00:40:00.000Z' });
    expect(trendAround('t', '2026-01-01T00:00:00Z', now, null)).toMatchObject({ to: '2026-01-01T01:00:00.000Z' });
    expect(trendAround('t', null, now)).toEqual({ tag: ['t'], span: '15m' });
  });
});
