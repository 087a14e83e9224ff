import { describe, expect, it } from 'vitest';
import { caretInExpression, caretUnder, fieldFor, lineErrors, placeErrors } from './field-errors';

const FIELDS = ['/name', '/range/low', '/range/high', '/filter', '/filter/lag/time_constant_ms', '/screens/drift'];

describe('errors of fields', () => {
  it('stand beside their field, or beside the nearest', () => {
    expect(fieldFor('/name', FIELDS)).toBe('/name');
    expect(fieldFor('#/name', FIELDS)).toBe('/name');
    expect(fieldFor('/filter.lag.time_constant_ms', FIELDS)).toBe('/filter/lag/time_constant_ms');
    expect(fieldFor('/filter/median/samples', FIELDS)).toBe('/filter');
    expect(fieldFor('/screens/drift/target', FIELDS)).toBe('/screens/drift');
    expect(fieldFor('/range', FIELDS)).toBe('/range/low');
    expect(fieldFor('/nam', FIELDS)).toBeNull();
    expect(fieldFor('/expression', FIELDS)).toBeNull();
  });

  it('are all told, also two of one field and those without a field', () => {
    const errors = [
      { pointer: '/name', code: 'bad', detail: 'too long' },
      { pointer: '/name', code: 'bad', detail: 'not printable' },
      { pointer: '/was', code: 'bad', detail: 'no such tag' },
      { code: 'bad', detail: 'no' },
    ];
    expect(placeErrors(errors, FIELDS)).toEqual({
      beside: { '/name': 'too long; not printable' },
      left: ['/was: no such tag', 'no'],
    });
    expect(placeErrors(undefined, FIELDS)).toEqual({ beside: {}, left: [] });
  });

  it('of a file have line and column', () => {
    expect(
      lineErrors([
        { pointer: '/line/7/column/3', code: 'x', detail: 'a' },
        { pointer: '/line/8', code: 'x', detail: 'b' },
        { pointer: '/tag/0', code: 'x', detail: 'c' },
        { code: 'x', detail: 'd' },
      ]),
    ).toEqual([
      { line: 7, column: 3, detail: 'a' },
      { line: 8, column: null, detail: 'b' },
      { line: null, column: null, detail: '/tag/0: c' },
      { line: null, column: null, detail: 'd' },
    ]);
  });
});

describe('caret', () => {
  it('stands below the character, past tabs and wide characters', () => {
    expect(caretUnder('a + )', 5)).toBe('a + )\n    ^');
    expect(caretUnder('\tx = 1', 2)).toBe('\tx = 1\n\t^');
    expect(caretUnder('°𝛼 )', 4)).toBe('°𝛼 )\n   ^');
    expect(caretUnder(undefined, 4)).toBeNull();
  });

  it('finds the line of an expression, and stands behind what ends too early', () => {
    expect(caretInExpression('a +', 4)).toBe('a +\n   ^');
    expect(caretInExpression('a +', 99)).toBe('a +\n   ^');
    expect(caretInExpression('a\n+ )\n+ b', 5)).toBe('a\n+ )\n  ^\n+ b');
  });
});
