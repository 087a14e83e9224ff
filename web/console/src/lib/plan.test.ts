import { describe, expect, it } from 'vitest';
import { planValue } from './plan';

describe('plan', () => {
  it('shows values of definitions in a line', () => {
    expect([null, undefined, 'cm', 0, 0.25, false, ''].map(planValue)).toEqual(['–', '–', 'cm', '0', '0.25', 'false', '']);
    expect(planValue({ low: 0, high: 20 })).toBe('low 0, high 20');
    expect(planValue({ lag: { time_constant_ms: 2000 } })).toBe('lag (time_constant_ms 2000)');
    expect(planValue({ alarm: null, range: {}, rate: { limit: 5 } })).toBe('range, rate (limit 5)');
    expect(planValue(['a', 'b'])).toBe('a, b');
  });
});
