import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { en } from '../text/en';
import { itemText, quantityText } from './words';

const TABLES = import.meta.glob<string>('../../../../schema/src/units/*.rs', { query: '?raw', import: 'default', eager: true });

beforeEach(() => vi.stubGlobal('navigator', { languages: ['es-ES'] }));
afterEach(() => vi.unstubAllGlobals());

describe('words of the server', () => {
  it('are told in the language of the user', () => {
    expect(itemText('alarm')).toBe('alarma');
    expect(quantityText('volumetric_flow')).toBe('caudal volumétrico');
    vi.stubGlobal('navigator', { languages: ['en'] });
    expect(quantityText('volumetric_flow')).toBe('volumetric flow');
  });

  it('are shown as they are where the console does not know them', () => {
    expect(quantityText('luminous_flux')).toBe('luminous flux');
    expect(itemText('recipe')).toBe('recipe');
  });

  it('name every quantity of the table of units', () => {
    const calls = Object.values(TABLES).flatMap((source) => [...source.matchAll(/^ {4}(?:unit|shifted)\("(\w+)"/gm)]);
    const quantities = new Set(calls.map((call) => call[1]!));
    expect(quantities.size).toBeGreaterThan(30);
    expect([...quantities].filter((name) => !(`quantity.${name}` in en))).toEqual([]);
  });
});
