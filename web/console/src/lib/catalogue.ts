import type { TagView } from '../api/types';

/** What changes with every sample; the live feed tells most of it. */
const OF_THE_VALUE: ReadonlySet<string> = new Set([
  'value',
  'raw',
  'quality',
  'reason',
  'status_code',
  'source_time',
  'server_time',
  'seen_time',
  'seq',
  'screens',
] satisfies (keyof TagView)[]);

function definitionText(tag: TagView): string {
  return JSON.stringify(tag, (key, value: unknown) => (OF_THE_VALUE.has(key) ? undefined : value));
}

/** Whether two views say the same of a tag, whatever its value. */
export function sameTag(a: TagView, b: TagView): boolean {
  return definitionText(a) === definitionText(b);
}

/** The newer list, with the old object of every tag that is still the same: what shows it is not built again. */
export function mergeCatalogue(old: readonly TagView[], newer: TagView[]): TagView[] {
  const byId = new Map(old.map((tag) => [tag.id, tag]));
  return newer.map((tag) => {
    const before = byId.get(tag.id);
    return before && sameTag(before, tag) ? before : tag;
  });
}

/** The list with a newer view of one tag, or with a new tag; `null` where nothing is new. */
export function withTag(old: readonly TagView[], tag: TagView): TagView[] | null {
  const place = old.findIndex((candidate) => candidate.id === tag.id);
  if (place < 0) return [...old, tag];
  return sameTag(old[place]!, tag) ? null : old.with(place, tag);
}
