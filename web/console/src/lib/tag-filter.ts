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

/** Areas of the tags with those that hold them: `site/area` stands for all its units. */
export function tagAreas(tags: TagView[]): string[] {
  return distinct(tags.flatMap((tag) => (tag.area === null ? [] : withParents(tag.area))));
}

function withParents(area: string): string[] {
  const levels = area.split('/');
  return levels.map((_, index) => levels.slice(0, index + 1).join('/'));
}

/** Whether the tag is in the area or below it; every tag is in the area without a name. */
export function inArea(tag: Pick<TagView, 'area'>, area: string): boolean {
  return area === '' || tag.area === area || (tag.area?.startsWith(`${area}/`) ?? false);
}

export function tagLinks(tags: TagView[]): string[] {
  return distinct(tags.map((tag) => tag.link));
}
