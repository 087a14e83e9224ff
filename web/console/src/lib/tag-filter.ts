import type { TagView } from '../api/types';

/** Every word of the search must occur in the name, the display name or the description. */
export function matchesSearch(tag: TagView, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = `${tag.name} ${tag.display_name ?? ''} ${tag.description ?? ''}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function distinct(values: (string | null)[]): string[] {
  return [...new Set(values.filter((value): value is string => value !== null))].sort();
}

export function tagAreas(tags: TagView[]): string[] {
  return distinct(tags.map((tag) => tag.area));
}

export function tagLinks(tags: TagView[]): string[] {
  return distinct(tags.map((tag) => tag.link));
}
