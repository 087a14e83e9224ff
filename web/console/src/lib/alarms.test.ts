import { describe, expect, it } from 'vitest';
import type { AlarmView } from '../api/types';
import { compareAttention, compareUrgency, newest, trendAround } from './alarms';

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

  it('finds the newest', () => {
    expect(newest([alarm(1, {}), alarm(3, {}), alarm(2, { raised_at: null })])?.id).toBe(3);
    expect(newest([])).toBeNull();
  });

  it('opens the trend at the time of the alarm, live where it is recent', () => {
    const now = Date.parse('2026-01-01T01:00:00Z');
    expect(trendAround('t', '2026-01-01T00:00:00Z', now)).toMatchObject({ from: '2025-12-31T23:50:00.000Z' });
    expect(trendAround('t', '2026-01-01T00:59:00Z', now)).toEqual({ tag: ['t'], span: '15m' });
    expect(trendAround('t', null, now)).toEqual({ tag: ['t'], span: '15m' });
  });
});
