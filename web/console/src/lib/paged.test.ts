import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Page } from '../api/types';
import { Paged } from './paged.svelte';

const page = (items: number[], next: string | null = null): Page<number> => ({ items, next_cursor: next });

describe('a list that grows page by page', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('reads the first page again while it is all that is shown', async () => {
    const list = new Paged<number>();
    const read = vi.fn(async (cursor: string | null) => (cursor === null ? page([3, 2], 'c') : page([1])));
    const stop = list.begin(read);
    await vi.advanceTimersByTimeAsync(0);
    expect([list.items, list.more]).toEqual([[3, 2], true]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(read).toHaveBeenCalledTimes(2);
    await list.older();
    expect([list.items, list.more]).toEqual([[3, 2, 1], false]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(read).toHaveBeenCalledTimes(3);
    stop();
  });

  it('drops the answer to what is no longer asked', async () => {
    const list = new Paged<number>();
    let answer: (page: Page<number>) => void = () => {};
    const stop = list.begin(() => new Promise((resolve) => (answer = resolve)));
    stop();
    list.begin(async () => page([7]));
    answer(page([1]));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.items).toEqual([7]);
  });

  it('keeps what it has where older ones cannot be read, and reads the first page on', async () => {
    const list = new Paged<number>();
    let broken = false;
    const stop = list.begin(async (cursor) => {
      if (cursor !== null && broken) throw new Error('gone');
      return page([broken ? 2 : 1], 'c');
    });
    await vi.advanceTimersByTimeAsync(0);
    broken = true;
    await list.older();
    expect([list.items, list.problem, list.busy]).toEqual([[1], new Error('gone'), false]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([list.items, list.problem]).toEqual([[2], null]);
    stop();
  });

  it('tries again where the first page could not be read', async () => {
    const list = new Paged<number>();
    const read = vi.fn(async () => page([1])).mockRejectedValueOnce(new Error('busy'));
    const stop = list.begin(read);
    await vi.advanceTimersByTimeAsync(0);
    expect(list.items).toBeNull();
    expect(list.problem).toEqual(new Error('busy'));
    await vi.advanceTimersByTimeAsync(5_000);
    expect([list.items, list.problem]).toEqual([[1], null]);
    stop();
  });
});
