import { describe, expect, it } from 'vitest';
import type { AlarmView, JournalEntry } from '../api/types';
import { asidesOf, commentsByOccurrence, limitText, pendingDelay, remainingMs, respondLeftMs, valueAndLimit, withLimitUnit } from './alarm-facts';

const alarm = (change: Partial<AlarmView>): AlarmView =>
  ({
    kind: 'HIGH',
    unit: 'cm',
    set_point: 15,
    value: 15.2,
    state: 'UNACK',
    core: 'UNACK',
    active: true,
    raised_at: '2026-01-01T00:00:00Z',
    shelf: null,
    suppressed_since: null,
    out_of_service: null,
    pending_since: null,
    respond_ms: null,
    ...change,
  }) as AlarmView;

const shelf = { until: '2026-01-01T01:00:00Z', one_shot: true, since: '2026-01-01T00:00:00Z', by: 'ann', reason: 'cleaning' };

describe('facts of an alarm', () => {
  it('tells the limit in the unit of what is compared', () => {
    expect(limitText(alarm({}))).toBe('HIGH 15 cm');
    expect(limitText(alarm({ kind: 'HIGH_HIGH', set_point: 0 }))).toBe('HIGH HIGH 0 cm');
    expect(limitText(alarm({ kind: 'RATE', set_point: 0.5 }))).toBe('RATE 0.5 cm/s');
    expect(limitText(alarm({ kind: 'BOOL', set_point: false, unit: null }))).toBe('BOOL false');
    expect(limitText(alarm({ kind: 'BAD_QUALITY', set_point: true }))).toBe('BAD QUALITY');
    expect(limitText(alarm({ set_point: null }))).toBe('HIGH');
  });

  it('tells value and limit in a row, without a limit that is not known', () => {
    expect(valueAndLimit(alarm({}))).toBe('15.2 / 15 cm');
    expect(valueAndLimit(alarm({ set_point: null }))).toBe('15.2');
    expect(valueAndLimit(alarm({ value: null }))).toBe('– / 15 cm');
    expect(withLimitUnit({ kind: 'RATE', unit: null }, 2)).toBe('2 /s');
    expect(withLimitUnit({ kind: 'BOOL', unit: 'cm' }, true)).toBe('true');
    expect(withLimitUnit({ kind: 'HIGH', unit: 'cm' }, null)).toBe('');
  });

  it('names what is over the state, that which is shown first', () => {
    expect(asidesOf(alarm({}))).toEqual([]);
    const out = { since: '2026-01-01T00:00:00Z', by: 'bob', reason: 'repair' };
    const kinds = asidesOf(alarm({ shelf, suppressed_since: '2026-01-01T00:00:00Z', out_of_service: out })).map((one) => one.kind);
    expect(kinds).toEqual(['out_of_service', 'suppressed', 'shelved']);
    expect(asidesOf(alarm({ shelf }))[0]).toMatchObject({ by: 'ann', reason: 'cleaning', oneShot: true });
  });

  it('counts a shelf down and not below zero', () => {
    expect(remainingMs(shelf.until, Date.parse('2026-01-01T00:59:00Z'))).toBe(60_000);
    expect(remainingMs(shelf.until, Date.parse('2026-01-01T02:00:00Z'))).toBe(0);
  });

  it('knows which way a delay goes', () => {
    expect(pendingDelay(alarm({}))).toBeNull();
    const pending = { pending_since: '2026-01-01T00:00:00Z' };
    for (const core of ['UNACK', 'ACKED'] as const) expect(pendingDelay(alarm({ ...pending, core }))).toBe('off');
    for (const core of ['NORM', 'RTNUN', 'LTUNK', 'LTACK'] as const) expect(pendingDelay(alarm({ ...pending, core }))).toBe('on');
  });

  it('counts the time to respond from when the alarm was raised, while its condition holds', () => {
    const now = Date.parse('2026-01-01T00:02:00Z');
    expect(respondLeftMs(alarm({ respond_ms: 300_000 }), now)).toBe(180_000);
    expect(respondLeftMs(alarm({ respond_ms: 60_000 }), now)).toBe(-60_000);
    expect(respondLeftMs(alarm({}), now)).toBeNull();
    expect(respondLeftMs(alarm({ respond_ms: 60_000, active: false, core: 'RTNUN' }), now)).toBeNull();
  });

  it('gathers what people said by occurrence, oldest first', () => {
    const entry = (id: number, occurrence: number, reason: string | null) => ({ id, occurrence, reason }) as JournalEntry;
    const said = commentsByOccurrence([entry(9, 2, 'late'), entry(8, 2, null), entry(7, 2, 'early'), entry(3, 1, ' ')]);
    expect([...said.keys()]).toEqual([2]);
    expect(said.get(2)?.map((one) => one.reason)).toEqual(['early', 'late']);
  });
});
