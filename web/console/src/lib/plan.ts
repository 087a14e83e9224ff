import type { Plan, PlanItem } from '../api/definition';

/** Notes drawn at the most. */
const NOTES_MAX = 200;

/** How many items change, of which the plan may tell but the first. */
export function planTotal(plan: Plan): number {
  return Math.max(plan.items.length, plan.added + plan.changed + plan.renamed + plan.removed);
}

/** The notes to draw, and how many are left out. * `total`: of all, of which `notes` may be the first. */
export function notesShown(notes: readonly string[], total: number): { shown: readonly string[]; left: number } {
  const shown = notes.slice(0, NOTES_MAX);
  return { shown, left: Math.max(total, notes.length) - shown.length };
}

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
