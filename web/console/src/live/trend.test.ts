import { describe, expect, it } from 'vitest';
import { bounds, DEFAULT_RANGE, formatSpan, pan, parseSpan, rangeFromQuery, rangeToQuery, zoom } from './time-range';
import { toNumber, TrendBuffer } from './trend-buffer';

const history = {
  t: [1000, 2000, 3000],
  series: [{ id: 7, v: [1, 2, 3], min: [0, 1, 2], max: [2, 3, 4], q: [0, 0, 0] }],
};

describe('trend buffer', () => {
  it('goes on from history in the same buckets', () => {
    const buffer = new TrendBuffer([7], 5, 1000);
    buffer.load(history);
    buffer.sample(7, 4200, 5);
    buffer.sample(7, 4400, 7);
    const columns = buffer.columns();
    expect(columns.t).toEqual([1, 2, 3, 4]);
    expect(columns.pens[0]!.average).toEqual([1, 2, 3, 6]);
    expect(columns.pens[0]!.low[3]).toBe(3);
    expect(columns.pens[0]!.high[3]).toBe(7);
  });

  it('holds the last value, and shows bad data as a gap', () => {
    const buffer = new TrendBuffer([7], 8, 1000);
    buffer.load(history);
    buffer.sample(7, 5000, null);
    buffer.advance(6000);
    buffer.sample(7, 7000, 9);
    expect(buffer.columns().pens[0]!.average).toEqual([1, 2, 3, 3, null, null, 9]);
  });

  it('drops the oldest buckets when full', () => {
    const buffer = new TrendBuffer([7], 3, 1000);
    buffer.load(history);
    buffer.sample(7, 5500, 8);
    expect(buffer.columns()).toMatchObject({ t: [3, 4, 5], pens: [{ average: [3, 3, 8] }] });
  });

  it('corrects buckets that were held from an older value when a sample is late', () => {
    const buffer = new TrendBuffer([7], 8, 1000);
    buffer.load(history);
    buffer.advance(6500);
    buffer.sample(7, 4500, 5);
    expect(buffer.columns().pens[0]!.average).toEqual([1, 2, 3, 5, 5, 5]);
  });

  it('survives a pause longer than the ring', () => {
    const buffer = new TrendBuffer([7], 3, 1000);
    buffer.load(history);
    buffer.advance(1_000_000);
    expect(buffer.length).toBe(3);
    expect(buffer.lastMs).toBe(1_000_000);
  });

  it('starts empty and keeps only the newest of a long history', () => {
    const buffer = new TrendBuffer([7, 8], 2, 1000);
    buffer.sample(8, 500, 1);
    expect(buffer.columns()).toMatchObject({ t: [0.5], pens: [{ average: [null] }, { average: [1] }] });
    buffer.load(history);
    expect(buffer.columns()).toMatchObject({ t: [2, 3], pens: [{ average: [2, 3] }, { average: [null, null] }] });
  });

  it('draws booleans, not texts', () => {
    expect([true, false, 'x', Number.NaN, 2].map(toNumber)).toEqual([1, 0, null, null, 2]);
  });
});

describe('time range', () => {
  it('reads and writes spans', () => {
    expect(parseSpan('15m')).toBe(900_000);
    expect(parseSpan('0s')).toBeNull();
    expect(parseSpan('9999d')).toBeNull();
    expect(parseSpan('15 m')).toBeNull();
    expect([1000, 90_000, 3_600_000, 86_400_000].map(formatSpan)).toEqual(['1s', '90s', '1h', '1d']);
  });

  it('goes through the URL unchanged', () => {
    for (const range of [{ kind: 'live', spanMs: 3_600_000 } as const, { kind: 'fixed', from: 5_000, to: 95_000 } as const]) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(rangeToQuery(range))) if (value !== null) query.set(name, value);
      expect(rangeFromQuery(query)).toEqual(range);
    }
    expect(rangeFromQuery(new URLSearchParams('span=zzz&from=2&to=1'))).toEqual(DEFAULT_RANGE);
  });

  it('zooms about a point and pans by a share', () => {
    const range = { kind: 'fixed', from: 0, to: 100_000 } as const;
    expect(zoom(range, 0.5, 100_000, 0)).toEqual({ kind: 'fixed', from: 50_000, to: 100_000 });
    expect(pan(range, -0.25, 0)).toEqual({ kind: 'fixed', from: -25_000, to: 75_000 });
    expect(bounds({ kind: 'live', spanMs: 10 }, 100)).toEqual({ from: 90, to: 100 });
  });
});
