import { describe, expect, it } from 'vitest';
import type { Plan, PlanItem } from '../api/definition';
import { notesShown, planTotal, planValue } from './plan';

const PLAN: Plan = { empty: false, added: 1, changed: 2, renamed: 4, removed: 8, text: '', warnings: [], warnings_total: 0, items: [], problems: [] };

describe('plan', () => {
  it('shows values of definitions in a line', () => {
    expect([null, undefined, 'cm', 0, 0.25, false, ''].map(planValue)).toEqual(['–', '–', 'cm', '0', '0.25', 'false', '']);
    expect(planValue({ low: 0, high: 20 })).toBe('low 0, high 20');
    expect(planValue({ lag: { time_constant_ms: 2000 } })).toBe('lag (time_constant_ms 2000)');
    expect(planValue({ alarm: null, range: {}, rate: { limit: 5 } })).toBe('range, rate (limit 5)');
    expect(planValue(['a', 'b'])).toBe('a, b');
  });

  it('counts every kind of change, and never less than it tells', () => {
    expect(planTotal(PLAN)).toBe(15);
    const item: PlanItem = { change: 'change', item: 'plant', name: 'p', was: null, fields: [] };
    expect(planTotal({ ...PLAN, items: Array.from({ length: 20 }, () => item) })).toBe(20);
  });

  it('draws a part of many notes, and says how many are left', () => {
    const notes = Array.from({ length: 250 }, (_, index) => `note ${index}`);
    expect(notesShown(notes.slice(0, 3), 3)).toEqual({ shown: ['note 0', 'note 1', 'note 2'], left: 0 });
    expect(notesShown(notes.slice(0, 200), 4_200)).toMatchObject({ shown: { length: 200 }, left: 4_000 });
    expect(notesShown(notes, 250)).toMatchObject({ shown: { length: 200 }, left: 50 });
  });
});
