import type { Quantity, Unit } from '../api/definition';

export interface UnitGroup {
  quantity: string;
  symbols: string[];
}

const symbolsOf = (units: Unit[]): string[] => units.map((unit) => unit.symbol);

/** Units to choose from: those of the quantity, or all by quantity; a symbol that stands in two is offered once. */
export function sourceUnits(quantities: readonly Quantity[], quantity: string): UnitGroup[] {
  const seen = new Set<string>();
  return quantities
    .filter(({ name }) => quantity === '' || name === quantity)
    .map(({ name, units }) => ({
      quantity: name,
      symbols: symbolsOf(units).filter((symbol) => !seen.has(symbol) && seen.add(symbol)),
    }))
    .filter(({ symbols }) => symbols.length > 0);
}

/** Units that a value in `unit` can be shown in. */
export function displayUnits(quantities: readonly Quantity[], quantity: string, unit: string): string[] {
  if (unit === '') return [];
  const fitting = quantities.filter(
    ({ name, units }) => (quantity === '' || name === quantity) && units.some(({ symbol }) => symbol === unit),
  );
  return [...new Set(fitting.flatMap(({ units }) => symbolsOf(units)))].filter((symbol) => symbol !== unit);
}
