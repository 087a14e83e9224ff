import { describe, expect, it } from 'vitest';
import type { AlarmView, Occurrence } from '../api/types';
import { DAY, HOUR } from '../live/time-range';
import { alarmOffers, occurrenceRange, occurrenceRangeQuery, rangeForServer, standsMs } from './occurrences';

const query = (text: string) => new URLSearchParams(text);

describe('occurrences', () => {
  it('reads the last day where the address names no time', () => {
    expect(occurrenceRange(query(''))).toEqual({ kind: 'live', spanMs: DAY });
    expect(occurrenceRange(query('span=8h'))).toEqual({ kind: 'live', spanMs: 8 * HOUR });
    expect(occurrenceRange(query('span=much'))).toEqual({ kind: 'live', spanMs: DAY });
    expect(occurrenceRange(query('from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z'))).toEqual({ kind: 'live', spanMs: DAY });
  });

  it('keeps the time in the address', () => {
    expect(occurrenceRangeQuery({ kind: 'live', spanMs: DAY })).toEqual({ span: null, from: null, to: null });
    for (const text of ['span=1h', 'span=7d', 'from=2026-01-01T00:00:00.000Z&to=2026-01-01T01:00:00.000Z']) {
      const kept = Object.entries(occurrenceRangeQuery(occurrenceRange(query(text)))).filter((entry) => entry[1] !== null) as [string, string][];
      expect(kept.map(([name, value]) => `${name}=${value}`).join('&')).toBe(text);
    }
  });

  it('leaves the end open for the server where it is now', () => {
    expect(rangeForServer({ kind: 'live', spanMs: 8 * HOUR })).toEqual({ from: 'now-8h' });
    expect(rangeForServer({ kind: 'fixed', from: 0, to: 1_000 })).toEqual({ from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:00:01.000Z' });
  });

  it('counts the time of one that still stands up to now', () => {
    const one = { raised_at: '2026-01-01T00:00:00Z', duration_ms: null } as Occurrence;
    expect(standsMs(one, Date.parse('2026-01-01T00:00:05Z'))).toBe(5_000);
    expect(standsMs({ ...one, duration_ms: 250 }, 0)).toBe(250);
  });

  it('offers alarms whose name holds what is typed', () => {
    const alarms = ['tank2.level.high', 'tank1.level.high', 'pump1.fault'].map((name) => ({ name }) as AlarmView);
    expect(alarmOffers(alarms, ' Level')).toEqual(['tank1.level.high', 'tank2.level.high']);
    expect(alarmOffers(alarms, '', 1)).toEqual(['pump1.fault']);
  });
});
