import { describe, expect, it } from 'vitest';
import { displayUnits, sourceUnits } from './unit-choices';

const unit = (symbol: string) => ({ symbol, factor: 1, offset: 0 });
const QUANTITIES = [
  { name: 'temperature', units: [unit('K'), unit('°C')] },
  { name: 'length', units: [unit('m'), unit('cm'), unit('km')] },
  { name: 'level', units: [unit('m'), unit('cm')] },
];

describe('choice of units', () => {
  it('follows the quantity', () => {
    expect(sourceUnits(QUANTITIES, 'level')).toEqual([{ quantity: 'level', symbols: ['m', 'cm'] }]);
    expect(displayUnits(QUANTITIES, 'level', 'cm')).toEqual(['m']);
    expect(displayUnits(QUANTITIES, 'temperature', 'cm')).toEqual([]);
  });

  it('offers everything once without a quantity', () => {
    expect(sourceUnits(QUANTITIES, '').map(({ symbols }) => symbols)).toEqual([['K', '°C'], ['m', 'cm', 'km']]);
    expect(displayUnits(QUANTITIES, '', 'cm')).toEqual(['m', 'km']);
  });

  it('has nothing to show in where there is no unit', () => {
    expect(displayUnits(QUANTITIES, '', '')).toEqual([]);
    expect(sourceUnits([], '')).toEqual([]);
  });
});
