import { describe, expect, it } from 'vitest';
import {
  columnsToShown,
  fromShown,
  inSourceUnit,
  meaningOf,
  scalarFromShown,
  scalarToShown,
  shownDecimals,
  shownRange,
  shownType,
  shownUnit,
  sourceValue,
  toShown,
  type Convertible,
} from './units';

function tag(change: Partial<Convertible> = {}): Convertible {
  return { data_type: 'float', unit: '°C', display_unit: null, display: null, range: null, ...change };
}

const fahrenheit = tag({ display_unit: '°F', display: { factor: 1.8, offset: 32 } });
const metres = tag({ unit: 'cm', display_unit: 'm', display: { factor: 0.01, offset: 0 }, range: { low: 0, high: 20 } });
const psi = tag({ unit: 'bar', display_unit: 'psi', display: { factor: 14.503773773020923, offset: 0 } });
const kelvin = tag({ display_unit: 'K', display: { factor: 1, offset: 273.15 } });
const mirrored = tag({ unit: 'mm', display_unit: 'cm', display: { factor: -0.1, offset: 5 }, range: { low: 0, high: 50 } });

describe('display units', () => {
  it('show a value in the display unit, and without one in the source unit', () => {
    expect([0, 100, -40].map((value) => toShown(fahrenheit, value))).toEqual([32, 212, -40]);
    expect(toShown(tag(), 12.345)).toBe(12.345);
    expect([shownUnit(fahrenheit), shownUnit(tag()), shownUnit(tag({ unit: null }))]).toEqual(['°F', '°C', null]);
  });

  it('lead back to the source unit without noise', () => {
    expect([32, 212, -40, 98.6].map((value) => fromShown(fahrenheit, value))).toEqual([0, 100, -40, 37]);
    expect([0.124, 0.07, 0.3].map((value) => fromShown(metres, value))).toEqual([12.4, 7, 30]);
    expect(fromShown(kelvin, 273.15)).toBe(0);
    expect(toShown(kelvin, 0.1)).toBe(273.25);
  });

  it('send a value with the unit of its source', () => {
    expect(sourceValue(fahrenheit, 212)).toEqual({ value: 100, unit: '°C' });
    expect(sourceValue(tag({ unit: null }), 7)).toEqual({ value: 7, unit: null });
    expect(sourceValue(tag({ data_type: 'boolean', unit: null }), true)).toEqual({ value: true, unit: null });
  });

  it('tell when a typed value means another one', () => {
    expect(meaningOf(tag({ range: { low: 0, high: 9 } }))).toBe(meaningOf(tag()));
    const others = [tag({ unit: 'K' }), tag({ data_type: 'integer' }), fahrenheit, kelvin, tag({ display_unit: '°F', display: { factor: 1.8, offset: 31 } })];
    expect(new Set([tag(), ...others].map(meaningOf)).size).toBe(6);
  });

  it('hold there and back, for small, large and negative values', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (const target of [fahrenheit, metres, psi, kelvin, mirrored]) {
      for (let round = 0; round < 500; round += 1) {
        const value = (random() - 0.5) * 10 ** Math.floor(random() * 14 - 4);
        const { factor, offset } = target.display!;
        const magnitude = Math.abs(value) + Math.abs(offset / factor);
        expect(Math.abs(fromShown(target, toShown(target, value)) - value)).toBeLessThanOrEqual(magnitude * 2e-13);
      }
    }
  });

  it('turn ranges, also where the factor is negative', () => {
    expect(shownRange(metres)).toEqual({ low: 0, high: 0.2 });
    expect(shownRange(mirrored)).toEqual({ low: 0, high: 5 });
    expect(shownRange(tag())).toBeNull();
  });

  it('show as many decimals as the source has', () => {
    expect(shownDecimals(tag({ range: { low: 0, high: 20 } }))).toBe(2);
    expect(shownDecimals(metres)).toBe(4);
    expect(shownDecimals({ ...metres, range: null })).toBe(4);
    expect(shownDecimals(psi)).toBe(1);
    expect(shownDecimals(fahrenheit)).toBe(2);
    expect(shownDecimals(tag({ data_type: 'integer' }))).toBe(0);
    expect(shownDecimals(undefined)).toBe(2);
  });

  it('show an integer with fractions, and write it whole', () => {
    const count = tag({ data_type: 'integer', unit: 'mm', display_unit: 'm', display: { factor: 0.001, offset: 0 } });
    expect(shownType(count)).toBe('float');
    expect(shownDecimals(count)).toBe(3);
    expect(scalarToShown(count, 1234)).toBe(1.234);
    expect(scalarFromShown(count, 1.2344)).toBe(1234);
    expect(shownType(tag({ data_type: 'integer' }))).toBe('integer');
  });

  it('leave alone what is no number', () => {
    for (const value of [null, true, 'text']) {
      expect(scalarToShown(fahrenheit, value)).toBe(value);
      expect(scalarFromShown(fahrenheit, value)).toBe(value);
    }
    expect(toShown(fahrenheit, Number.NaN)).toBeNaN();
  });

  it('convert the pens of a trend, keep gaps, and swap the band where the factor is negative', () => {
    const columns = { t: [1, 2], pens: [{ average: [10, null], low: [9, null], high: [11, null] }] };
    expect(columnsToShown([tag()], columns)).toBe(columns);
    expect(columnsToShown([metres], columns).pens[0]).toEqual({ average: [0.1, null], low: [0.09, null], high: [0.11, null] });
    expect(columnsToShown([mirrored], columns).pens[0]).toEqual({ average: [4, null], low: [3.9, null], high: [4.1, null] });
  });

  it('are left aside for what the source sees', () => {
    expect(shownUnit(inSourceUnit(metres))).toBe('cm');
    expect(toShown(inSourceUnit(metres), 5)).toBe(5);
  });
});
