import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CatalogueReader } from './catalogue-reader';

/** A reader whose reads end when the test says so. */
function rig(version = 'v1') {
  const ends: { done: () => void; fail: () => void }[] = [];
  const source = {
    version: vi.fn(async () => version),
    read: vi.fn(() => new Promise<void>((resolve, reject) => ends.push({ done: resolve, fail: () => reject(new Error('no answer')) }))),
    failed: vi.fn(),
  };
  const reader = new CatalogueReader(source);
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return {
    reader,
    source,
    reads: () => source.read.mock.calls.length,
    async begin() {
      void reader.now();
      await settle();
    },
    async end(how: 'done' | 'fail' = 'done') {
      ends.shift()![how]();
      await settle();
    },
  };
}

/** A reader that has read under `v1`, a minute ago. */
async function read() {
  const made = rig();
  made.reader.tell('v1');
  await made.begin();
  await made.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made.reads()).toBe(1);
  return made;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the reader of the catalogue', () => {
  it('asks for the version before the first read, and reads once where the feed tells the same', async () => {
    const { reader, source, reads, begin, end } = rig('v1');
    await begin();
    expect(source.version).toHaveBeenCalledOnce();
    reader.tell('v1');
    await end();
    reader.tell('v1');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(1);
  });

  it('reads again when another version is told, and only then', async () => {
    const { reader, source, reads, end } = await read();
    reader.tell('v1');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(1);
    reader.tell('v2');
    reader.tell('v2');
    await vi.advanceTimersByTimeAsync(0);
    expect(reads()).toBe(2);
    await end();
    reader.tell('v2');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(2);
    expect(source.version).not.toHaveBeenCalled();
  });

  it('reads once more where the version moves during a read', async () => {
    const { reader, reads, end } = await read();
    reader.tell('v2');
    await vi.advanceTimersByTimeAsync(0);
    for (const version of ['v3', 'v4', 'v5']) reader.tell(version);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(2);
    await end();
    expect(reads()).toBe(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(reads()).toBe(3);
    await end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(3);
  });

  it('pauses between reads while the version keeps moving', async () => {
    const { reader, source, reads } = await read();
    source.read.mockImplementation(async () => undefined);
    for (let tick = 0; tick < 100; tick += 1) {
      reader.tell(`tick ${tick}`);
      await vi.advanceTimersByTimeAsync(100);
    }
    // at 0, 2, 4, 6, 8 and 10 s
    expect(reads()).toBe(1 + 6);
  });

  it('reads at once on demand, and once more where a read is under way', async () => {
    const { reader, reads, begin, end } = await read();
    await begin();
    expect(reads()).toBe(2);
    await reader.now();
    reader.soon();
    expect(reads()).toBe(2);
    await end();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(reads()).toBe(3);
    await end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(3);
  });

  it('reads only what is not fresh where it need not be newer', async () => {
    const { reader, reads, end } = await read();
    await reader.unlessFresh(90_000);
    expect(reads()).toBe(1);
    void reader.unlessFresh(60_000);
    void reader.unlessFresh(60_000);
    await end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(2);
  });

  it('tries again after a failure, in one chain however often it is told to', async () => {
    const { reader, source, reads, begin, end } = await read();
    await begin();
    await end('fail');
    expect(source.failed).toHaveBeenCalledOnce();
    for (let tick = 0; tick < 40; tick += 1) {
      reader.tell('v2');
      reader.soon();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(reads()).toBe(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reads()).toBe(3);
    await end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reads()).toBe(3);
  });

  it('tries again where even the version cannot be asked for', async () => {
    const { source, reads, begin } = rig();
    source.version.mockRejectedValueOnce(new Error('unreachable'));
    await begin();
    expect([source.failed.mock.calls.length, reads()]).toEqual([1, 0]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reads()).toBe(1);
  });
});
