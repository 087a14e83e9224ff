import type { PlanItem } from '../api/definition';

/** A value of a definition in a line: `low 0, high 20`, `lag (time_constant_ms 2000)`. */
export function planValue(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.map(planValue).join(', ');
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([key, inner]) => {
        if (typeof inner !== 'object') return `${key} ${planValue(inner)}`;
        const inside = planValue(inner);
        return inside === '' ? key : `${key} (${inside})`;
      })
      .join(', ');
  }
  return String(value);
}

/** Identifies an item of a plan: an item is added, changed or removed once. */
export function planKey(item: PlanItem): string {
  return [item.change, item.item, item.name].join('\n');
}
