import type { TagStore } from '../live/tag-store';
import type { Api } from '../api/client';
import type { Quality, Scalar, UnitChange } from '../api/types';
import { bounds, type TimeRange } from '../live/time-range';
import { toNumber, TrendBuffer, type TrendColumns } from '../live/trend-buffer';

/** Redraws of a moving trend: often enough to look alive, not more often than there is something new. */
const FASTEST_MS = 250;
const SLOWEST_MS = 5_000;
/** A zoom by wheel asks for history only when it comes to rest. */
const SETTLE_MS = 120;
/** Pause before history that failed is asked for again. */
const RETRY_MS = 5_000;
/** Live samples kept while history is on its way. */
const EARLY_MAX = 10_000;

export interface TrendFeed {
  api: Api;
  tags: TagStore;
  serverNow(): number;
  readonly online: boolean;
}

export interface TrendRequest {
  ids: number[];
  range: TimeRange;
  maxPoints: number;
  onData(columns: TrendColumns, from: number, to: number): void;
  onUnitChanges?(changes: UnitChange[]): void;
  onProblem(error: unknown): void;
  onBusy?(busy: boolean): void;
}

interface Sample {
  id: number;
  at: number;
  value: number | null;
}

/** Feeds one chart: history for the range and, where the range is live, every later value, until it is closed. */
export class TrendSource {
  readonly #feed: TrendFeed;
  readonly #request: TrendRequest;
  readonly #abort = new AbortController();
  readonly #cleanups: (() => void)[] = [];
  #buffer: TrendBuffer | null = null;
  #early: Sample[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(feed: TrendFeed, request: TrendRequest) {
    this.#feed = feed;
    this.#request = request;
    if (request.ids.length === 0) return;
    if (request.range.kind === 'live') {
      const wanted = new Set(request.ids);
      this.#cleanups.push(
        feed.tags.watch(request.ids),
        feed.tags.onFlush((changed) => {
          for (const cell of changed) {
            if (wanted.has(cell.id) && cell.live) this.#sample(cell.id, cell.value, cell.quality, cell.sourceMs);
          }
        }),
      );
    }
    this.#timer = setTimeout(() => void this.#load(), SETTLE_MS);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    for (const cleanup of this.#cleanups) cleanup();
  }

  async #load(): Promise<void> {
    const { ids, range, maxPoints } = this.#request;
    const { from, to } = bounds(range, this.#feed.serverNow());
    this.#request.onBusy?.(true);
    try {
      const history = await this.#feed.api.history(ids, from, to, maxPoints, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      this.#request.onUnitChanges?.(history.unit_changes ?? []);
      const buffer = new TrendBuffer(ids, Math.max(maxPoints, history.t.length) + 2, (to - from) / maxPoints);
      buffer.load(history);
      this.#buffer = buffer;
      for (const sample of this.#early) buffer.sample(sample.id, sample.at, sample.value);
      this.#early = [];
      this.#draw();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#request.onProblem(error);
      this.#timer = setTimeout(() => void this.#load(), RETRY_MS);
    } finally {
      this.#request.onBusy?.(false);
    }
  }

  #sample(id: number, value: Scalar, quality: Quality, sourceMs: number | null): void {
    const now = this.#feed.serverNow();
    // a device clock that runs ahead must not push the window into the future
    const at = Math.min(sourceMs ?? now, now);
    const number = quality === 'bad' ? null : toNumber(value);
    if (this.#buffer) this.#buffer.sample(id, this.#buffer.length === 0 ? now : at, number);
    else if (this.#early.length < EARLY_MAX) this.#early.push({ id, at, value: number });
  }

  #draw(): void {
    const buffer = this.#buffer;
    if (!buffer || this.#abort.signal.aborted) return;
    const { range, onData } = this.#request;
    const now = this.#feed.serverNow();
    const { from, to } = bounds(range, now);
    if (range.kind === 'live') {
      if (this.#feed.online) buffer.advance(now);
      const pause = Math.min(SLOWEST_MS, Math.max(FASTEST_MS, buffer.bucketMs / 2));
      this.#timer = setTimeout(() => requestAnimationFrame(() => this.#draw()), pause);
    }
    onData(buffer.columns(), from, to);
  }
}
