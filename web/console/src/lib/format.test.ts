import { describe, expect, it } from 'vitest';
import { decimalsForSpan, decimalsForStep, formatAge, formatDateTime, formatNumber, formatScalar, formatSpanMs, formatTime, parseDateTime, parseInput } from './format';

describe('format', () => {
  it('keeps decimals steady', () => {
    expect([0.1, 1, 20, 200, 5000].map(decimalsForSpan)).toEqual([4, 3, 2, 1, 0]);
    expect([500, 1, 2.5, 0.25, 0.002].map(decimalsForStep)).toEqual([0, 0, 1, 2, 3]);
    expect(formatNumber(12.3, 2)).toBe('12.30');
    expect(formatNumber(1234567, 0)).toBe('1234567');
    expect(formatNumber(1.5e12, 2)).toBe('1.500e+12');
  });

  it('shows every kind of value', () => {
    expect(formatScalar(null, 'float', 2)).toBe('–');
    expect(formatScalar(true, 'boolean', 0)).toBe('1');
    expect(formatScalar('x', 'text', 0)).toBe('x');
    expect(formatScalar(7, 'integer', 2)).toBe('7');
  });

  it('shows ages and 24 h times', () => {
    expect([4_000, 192_000, 18_120_000, 273_600_000].map(formatAge)).toEqual(['4 s', '3 min 12 s', '5 h 2 min', '3 d 4 h']);
    const noon = new Date(2026, 10, 22, 0, 4, 5).getTime();
    expect(formatTime(noon, noon)).toBe('00:04:05');
    expect(formatTime(noon, noon + 86_400_000)).toBe('2026-11-22 00:04:05');
    expect(formatTime(null, noon)).toBe('–');
  });

  it('shows settings in the unit they are round in', () => {
    expect([250, 2500, 90_000, 600_000, 7_200_000].map(formatSpanMs)).toEqual(['250 ms', '2.5 s', '90 s', '10 min', '2 h']);
  });

  it('reads back the times it writes', () => {
    const noon = new Date(2026, 10, 22, 13, 4, 5).getTime();
    expect(parseDateTime(formatDateTime(noon))).toBe(noon);
    expect(parseDateTime('2026-11-22 13:04')).toBe(noon - 5000);
    expect(parseDateTime('22/11/2026 1 PM')).toBeNaN();
  });

  it('reads what a user types, and refuses the rest', () => {
    expect(parseInput(' 3,5 ', 'float')).toBe(3.5);
    expect(parseInput('', 'float')).toBeUndefined();
    expect(parseInput('1e999', 'float')).toBeUndefined();
    expect(parseInput('3.5', 'integer')).toBeUndefined();
    expect(parseInput('9007199254740993', 'integer')).toBeUndefined();
    expect(parseInput('on', 'boolean')).toBe(true);
    expect(parseInput('maybe', 'boolean')).toBeUndefined();
  });
});
