import { describe, expect, it } from 'vitest';
import { applyMergePatch, mergePatch } from './merge-patch';

describe('merge patch', () => {
  const before = { name: 'a', unit: 'cm', range: { low: 0, high: 20 }, filter: { lag: { time_constant_ms: 2000 } }, initial: 0 };

  it('holds only what is changed', () => {
    expect(mergePatch(before, before)).toEqual({});
    expect(mergePatch(before, { ...before, unit: 'm' })).toEqual({ unit: 'm' });
    expect(mergePatch(before, { ...before, range: { low: 0, high: 25 } })).toEqual({ range: { high: 25 } });
  });

  it('removes by null, and takes absent and null for the same', () => {
    const { unit: _, ...without } = before;
    expect(mergePatch(before, without)).toEqual({ unit: null });
    expect(mergePatch(before, { ...before, unit: null })).toEqual({ unit: null });
    expect(mergePatch({ ...before, area: null }, before)).toEqual({});
  });

  it('replaces one kind of filter by another', () => {
    expect(mergePatch(before, { ...before, filter: { median: { samples: 5 } } })).toEqual({
      filter: { lag: null, median: { samples: 5 } },
    });
  });

  it('tells 0 and false from nothing', () => {
    expect(mergePatch(before, { ...before, initial: false })).toEqual({ initial: false });
    expect(mergePatch({}, { initial: 0 })).toEqual({ initial: 0 });
  });

  it('makes of the old what was wanted', () => {
    const wanted = { name: 'b', dead_band: { percent: 1 }, range: { low: 1, high: 20 }, filter: { median: { samples: 3 } } };
    expect(applyMergePatch(before, mergePatch(before, wanted))).toEqual(wanted);
  });

  it('applies as RFC 7396 says', () => {
    expect(applyMergePatch({ a: { b: 'c' } }, { a: { b: 'd', c: null } })).toEqual({ a: { b: 'd' } });
    expect(applyMergePatch({ a: 'c' }, { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
    expect(applyMergePatch({ e: null }, { a: 1 })).toEqual({ e: null, a: 1 });
    expect(applyMergePatch({ a: 'b' }, ['c'])).toEqual(['c']);
  });
});
