import { hasText, t } from '../text/text.svelte';

/** The text of `kind` for a name that the server gives; one that the console does not know is shown as it is. */
function wordOf(kind: 'item' | 'quantity' | 'alarmevent', name: string): string {
  const key = `${kind}.${name}`;
  return hasText(key) ? t(key) : name.replaceAll('_', ' ');
}

/** Kind of an item of the plant: `tag`, `alarm` … */
export function itemText(item: string): string {
  return wordOf('item', item);
}

export function quantityText(quantity: string): string {
  return wordOf('quantity', quantity);
}

/** What happened to an alarm, as the journal names it. */
export function eventText(event: string): string {
  return wordOf('alarmevent', event);
}
