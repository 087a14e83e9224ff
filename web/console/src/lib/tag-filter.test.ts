import { describe, expect, it } from 'vitest';
import type { TagView } from '../api/types';
import { inArea, tagAreas } from './tag-filter';

describe('areas', () => {
  it('hold the areas below them, and no others that begin alike', () => {
    expect(['site', 'site/a', 'site/ab', null].map((area) => inArea({ area }, 'site/a'))).toEqual([false, true, false, false]);
    expect(inArea({ area: 'site/a/unit1' }, 'site/a')).toBe(true);
    expect(inArea({ area: null }, '')).toBe(true);
  });

  it('are offered with those that hold them', () => {
    const tags = ['site/b', 'site/a/u1', null].map((area) => ({ area }) as TagView);
    expect(tagAreas(tags)).toEqual(['site', 'site/a', 'site/a/u1', 'site/b']);
  });
});
