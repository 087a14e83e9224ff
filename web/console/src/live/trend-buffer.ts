import type { HistoryColumns } from '../api/types';

type Column = (number | null)[];

interface Pen {
  average: Column;
  low: Column;
  high: Column;
  /** Last known value, held into buckets without a sample; `null` while bad. */
  held: number | null;
  /** Samples in the bucket that was written last, for the running mean. */
  count: number;
  countBucket: number;
}

/** Columns as the chart wants them: `t` in seconds, `null` for gaps. */
export interface TrendColumns {
  t: number[];
  pens: { average: Column; low: Column; high: Column }[];
}

/**
 * Buckets of several tags on one shared time column, in preallocated rings: history fills it, live samples go on in the
 * same buckets by the server's rule (a bucket without a sample holds the value before it; bad data is a gap).
 */
export class TrendBuffer {
  readonly capacity: number;
  readonly #ids: number[];
  readonly #pens: Pen[];
  #bucketMs: number;
  /** Start of the oldest bucket, epoch ms. */
  #firstMs = 0;
  #start = 0;
  #length = 0;
  #out: TrendColumns;

  constructor(ids: number[], capacity: number, bucketMs: number) {
    this.capacity = capacity;
    this.#ids = ids;
    this.#bucketMs = bucketMs;
    this.#pens = ids.map(() => ({
      average: new Array<number | null>(capacity).fill(null),
      low: new Array<number | null>(capacity).fill(null),
      high: new Array<number | null>(capacity).fill(null),
      held: null,
      count: 0,
      countBucket: -1,
    }));
    this.#out = { t: [], pens: ids.map(() => ({ average: [], low: [], high: [] })) };
  }

  get length(): number {
    return this.#length;
  }

  get bucketMs(): number {
    return this.#bucketMs;
  }

  /** Start of the newest bucket, epoch ms; `null` when empty. */
  get lastMs(): number | null {
    return this.#length > 0 ? this.#firstMs + (this.#length - 1) * this.#bucketMs : null;
  }

  /** Replaces the content; only the newest `capacity` buckets are kept. */
  load(history: HistoryColumns): void {
    const t = history.t;
    const skip = Math.max(0, t.length - this.capacity);
    this.#start = 0;
    this.#length = t.length - skip;
    if (t.length > 1) this.#bucketMs = (t[t.length - 1]! - t[0]!) / (t.length - 1);
    this.#firstMs = t[skip] ?? 0;
    this.#pens.forEach((pen, index) => {
      const series = history.series.find((candidate) => candidate.id === this.#ids[index]);
      for (let row = 0; row < this.#length; row += 1) {
        const value = toNumber(series?.v[row + skip]);
        const bad = series?.q?.[row + skip] === 2;
        pen.average[row] = bad ? null : value;
        pen.low[row] = bad || value === null ? null : (series?.min?.[row + skip] ?? value);
        pen.high[row] = bad || value === null ? null : (series?.max?.[row + skip] ?? value);
      }
      pen.held = this.#length > 0 ? pen.average[this.#length - 1]! : null;
      pen.count = 1;
      pen.countBucket = this.#length - 1;
    });
  }

  /** Takes a live sample. * `value`: `null` while the tag is bad. Samples older than the ring are dropped. */
  sample(id: number, timeMs: number, value: number | null): void {
    const penIndex = this.#ids.indexOf(id);
    if (penIndex < 0) return;
    if (this.#length === 0) {
      this.#firstMs = timeMs;
      this.#append();
    }
    this.advance(timeMs);
    const bucket = Math.floor((timeMs - this.#firstMs) / this.#bucketMs);
    if (bucket < 0) return;
    const row = Math.min(bucket, this.#length - 1);
    this.#write(this.#pens[penIndex]!, row, value);
  }

  /** Appends buckets that hold the last values, up to the bucket of `nowMs`. */
  advance(nowMs: number): void {
    if (this.#length === 0) return;
    let missing = Math.floor((nowMs - this.#firstMs) / this.#bucketMs) - (this.#length - 1);
    if (missing > this.capacity) {
      // a long pause: everything in the ring is older than its span
      this.#firstMs += (missing - this.capacity) * this.#bucketMs;
      missing = this.capacity;
    }
    for (; missing > 0; missing -= 1) this.#append();
  }

  /** The content in time order; the arrays are reused by the next call. */
  columns(): TrendColumns {
    const out = this.#out;
    const length = this.#length;
    out.t.length = length;
    for (let row = 0; row < length; row += 1) out.t[row] = (this.#firstMs + row * this.#bucketMs) / 1000;
    this.#pens.forEach((pen, index) => {
      const target = out.pens[index]!;
      target.average.length = target.low.length = target.high.length = length;
      for (let row = 0; row < length; row += 1) {
        const at = this.#slot(row);
        target.average[row] = pen.average[at]!;
        target.low[row] = pen.low[at]!;
        target.high[row] = pen.high[at]!;
      }
    });
    return out;
  }

  #slot(row: number): number {
    const slot = this.#start + row;
    return slot >= this.capacity ? slot - this.capacity : slot;
  }

  #append(): void {
    if (this.#length < this.capacity) {
      this.#length += 1;
    } else {
      this.#start = this.#slot(1);
      this.#firstMs += this.#bucketMs;
      for (const pen of this.#pens) pen.countBucket -= 1;
    }
    const slot = this.#slot(this.#length - 1);
    for (const pen of this.#pens) {
      pen.average[slot] = pen.low[slot] = pen.high[slot] = pen.held;
    }
  }

  /** A late sample also corrects the buckets after it, which were held from an older value. */
  #write(pen: Pen, row: number, value: number | null): void {
    const slot = this.#slot(row);
    const before = pen.average[slot]!;
    if (value === null || before === null || pen.countBucket !== row) {
      // first sample of the bucket: the band still spans the step from the held value
      const held = value === null ? null : before;
      pen.average[slot] = value;
      pen.low[slot] = value === null ? null : Math.min(value, held ?? value);
      pen.high[slot] = value === null ? null : Math.max(value, held ?? value);
      pen.count = 1;
      pen.countBucket = row;
    } else {
      pen.count += 1;
      pen.average[slot] = before + (value - before) / pen.count;
      pen.low[slot] = Math.min(pen.low[slot]!, value);
      pen.high[slot] = Math.max(pen.high[slot]!, value);
    }
    pen.held = value;
    for (let later = row + 1; later < this.#length; later += 1) {
      const at = this.#slot(later);
      pen.average[at] = pen.low[at] = pen.high[at] = value;
    }
  }
}

/** Numbers and booleans can be drawn; texts cannot. */
export function toNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}
