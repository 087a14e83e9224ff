import { describe, expect, it } from 'vitest';
import type { TagView } from '../api/types';
import { mergeCatalogue, sameTag, withTag } from './catalogue';

function tag(id: number, change: Partial<TagView> = {}): TagView {
  return {
    id,
    name: `t${id}`,
    display_name: null,
    description: null,
    area: null,
    data_type: 'float',
    quantity: null,
    unit: 'cm',
    display_unit: null,
    display: null,
    range: { low: 0, high: 20 },
    link: null,
    node: null,
    poll_ms: null,
    expression: null,
    stale_after_ms: null,
    location: null,
    writable: false,
    made: false,
    substituted: false,
    screens: [],
    raw: null,
    value: 1,
    quality: 'good',
    reason: null,
    status_code: 0,
    source_time: null,
    server_time: null,
    seen_time: null,
    seq: 1,
    ...change,
  };
}

describe('catalogue', () => {
  it('tells a changed tag from a changed value', () => {
    expect(sameTag(tag(1), tag(1, { value: 2, quality: 'bad', reason: 'timeout', seq: 9, screens: ['frozen'] }))).toBe(true);
    expect(sameTag(tag(1), tag(1, { unit: 'm' }))).toBe(false);
    expect(sameTag(tag(1), tag(1, { range: { low: 0, high: 21 } }))).toBe(false);
    expect(sameTag(tag(1), tag(1, { substituted: true }))).toBe(false);
  });

  it('keeps the objects of tags that are the same', () => {
    const old = [tag(1), tag(2), tag(3)];
    const merged = mergeCatalogue(old, [tag(1, { value: 9 }), tag(3, { name: 'other' }), tag(4)]);
    expect(merged.map(({ name }) => name)).toEqual(['t1', 'other', 't4']);
    expect(merged[0]).toBe(old[0]);
    expect(merged[1]).not.toBe(old[2]);
  });

  it('takes one tag', () => {
    const old = [tag(1), tag(2)];
    expect(withTag(old, tag(2, { value: 7 }))).toBeNull();
    expect(withTag(old, tag(2, { unit: 'm' }))!.map(({ unit }) => unit)).toEqual(['cm', 'm']);
    expect(withTag(old, tag(3))).toHaveLength(3);
    expect(old).toHaveLength(2);
  });
});
