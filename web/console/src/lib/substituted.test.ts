import { describe, expect, it } from 'vitest';
import { isSubstituted } from './substituted';

describe('a substituted value', () => {
  it.each([
    { live: true, reason: 'substituted', read: false, is: true },
    { live: true, reason: null, read: true, is: false },
    { live: true, reason: 'timeout', read: true, is: false },
    { live: false, reason: null, read: true, is: true },
    { live: false, reason: 'substituted', read: false, is: true },
    { live: false, reason: null, read: false, is: false },
  ])('live $live, reason $reason, read $read: $is', ({ live, reason, read, is }) => {
    expect(isSubstituted({ live, reason }, { substituted: read })).toBe(is);
  });

  it('needs no definition', () => {
    expect(isSubstituted({ live: false, reason: null }, undefined)).toBe(false);
  });
});
