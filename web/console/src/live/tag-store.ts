import type { Quality, Scalar } from '../api/types';
import { onNextFrame, type Schedule } from './frame';
import type { DeltaFrame, SnapshotFrame, TagUpdate } from './protocol';
import type { LiveSocket, Subscription } from './socket';

/** Wait for more tags to come into view before the subscription is renewed. */
const SETTLE_MS = 80;
/** Tags that went out of view stay subscribed until this many have gathered. */
const KEEP_UNUSED = 200;
/** Pause before a refused subscription is tried again. */
const RETRY_MS = 5_000;
const TAGS_MAX_HZ = 10;

/** Last value of one tag; told to its listeners at most once per frame. */
export class TagCell {
  readonly id: number;
  name: string;
  value: Scalar = null;
  quality: Quality = 'uncertain';
  reason: string | null = null;
  /** Source time, epoch ms. */
  sourceMs: number | null = null;
  /** True from the subscription's snapshot until the connection drops, nobody watches, or the tag goes. */
  live = false;
  readonly #listeners = new Set<() => void>();

  constructor(id: number, name = '') {
    this.id = id;
    this.name = name;
  }

  /** Calls `listener` after each flush that touched this tag; returns how to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Last value per tag. Components say which tags they show (`watch`); one subscription covers them all, and changes
 * reach the cells in one flush per frame, after which the frame's credits go back to the server.
 */
export class TagStore {
  readonly #socket: LiveSocket;
  readonly #schedule: Schedule;
  readonly #cells = new Map<number, TagCell>();
  readonly #watchers = new Map<number, number>();
  readonly #dirty = new Set<TagCell>();
  readonly #flushListeners = new Set<(changed: ReadonlySet<TagCell>) => void>();
  readonly #resyncListeners = new Set<() => void>();
  #pendingAcks: (() => void)[] = [];
  #flushScheduled = false;
  #subscribedIds = new Set<number>();
  #subscription: Subscription | null = null;
  #superseded: Subscription[] = [];
  #settleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: LiveSocket, schedule: Schedule = onNextFrame) {
    this.#socket = socket;
    this.#schedule = schedule;
  }

  cell(id: number): TagCell {
    let cell = this.#cells.get(id);
    if (!cell) {
      cell = new TagCell(id);
      this.#cells.set(id, cell);
    }
    return cell;
  }

  /** Puts a value read over HTTP into a cell that has no live one. */
  seed(id: number, name: string, value: Scalar, quality: Quality, reason: string | null, sourceMs: number | null): void {
    const cell = this.cell(id);
    cell.name = name;
    if (cell.live) return;
    cell.value = value;
    cell.quality = quality;
    cell.reason = reason;
    cell.sourceMs = sourceMs;
    this.#touch(cell);
  }

  /** Keeps `ids` up to date until the returned function is called. */
  watch(ids: Iterable<number>): () => void {
    const watched = [...ids];
    for (const id of watched) this.#watchers.set(id, (this.#watchers.get(id) ?? 0) + 1);
    this.#settle();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const id of watched) {
        const left = (this.#watchers.get(id) ?? 1) - 1;
        if (left > 0) this.#watchers.set(id, left);
        else this.#watchers.delete(id);
      }
      this.#settle();
    };
  }

  /** Calls `listener` with the tags that changed, once per flush. */
  onFlush(listener: (changed: ReadonlySet<TagCell>) => void): () => void {
    this.#flushListeners.add(listener);
    return () => this.#flushListeners.delete(listener);
  }

  /** Calls `listener` when the server sent everything anew without being asked: tags may have come, gone or changed. */
  onResync(listener: () => void): () => void {
    this.#resyncListeners.add(listener);
    return () => this.#resyncListeners.delete(listener);
  }

  #settle(pauseMs = SETTLE_MS): void {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => this.#renew(), pauseMs);
  }

  #renew(): void {
    const wanted = this.#watchers;
    let missing = false;
    for (const id of wanted.keys()) {
      if (!this.#subscribedIds.has(id)) {
        missing = true;
        break;
      }
    }
    const unused = this.#subscribedIds.size - wanted.size;
    if (!missing && unused <= KEEP_UNUSED) return;

    const ids = new Set(wanted.keys());
    for (const id of this.#subscribedIds) {
      if (!ids.has(id)) this.#cells.get(id)!.live = false;
    }
    if (this.#subscription) this.#superseded.push(this.#subscription);
    this.#subscribedIds = ids;
    this.#subscription = ids.size > 0 ? this.#open([...ids]) : null;
    if (ids.size === 0) this.#closeSuperseded();
  }

  #closeSuperseded(): void {
    for (const subscription of this.#superseded) subscription.close();
    this.#superseded = [];
  }

  /** The old subscription ends when the new one has answered, so that no change falls between. */
  #open(ids: number[]): Subscription {
    let cells: (TagCell | undefined)[] = [];
    let answered = false;
    const request = { topic: 'tags' as const, select: { ids }, max_hz: TAGS_MAX_HZ };
    const remember = (map: SnapshotFrame['map']) => {
      for (const [index, id, name] of map ?? []) {
        const cell = this.cell(id);
        cell.name = name;
        cells[index] = cell;
      }
    };
    return this.#socket.subscribe(request, {
      snapshot: (frame) => {
        const before = cells;
        cells = [];
        remember(frame.map);
        this.#apply(frame.u, cells);
        this.#gone(before, cells);
        this.#closeSuperseded();
        if (answered) for (const listener of this.#resyncListeners) listener();
        answered = true;
      },
      delta: (frame: DeltaFrame, ack) => {
        remember(frame.map);
        this.#apply(frame.u, cells);
        this.#pendingAcks.push(ack);
        this.#scheduleFlush();
      },
      lost: () => {
        answered = false;
        for (const cell of cells) {
          if (!cell) continue;
          cell.live = false;
          this.#touch(cell);
        }
        this.#pendingAcks = [];
      },
      refused: () => {
        // a tag may have gone: what is in view by then is asked for again
        this.#subscribedIds = new Set();
        this.#settle(RETRY_MS);
      },
    });
  }

  /** Tags that a newer snapshot does not have are no more: what is known of them is old. */
  #gone(before: (TagCell | undefined)[], now: (TagCell | undefined)[]): void {
    if (before.length === 0) return;
    const there = new Set(now);
    for (const cell of before) {
      if (!cell || there.has(cell)) continue;
      cell.live = false;
      cell.value = null;
      cell.quality = 'bad';
      cell.reason = null;
      this.#touch(cell);
    }
  }

  #apply(updates: TagUpdate[] | undefined, cells: (TagCell | undefined)[]): void {
    for (const [index, value, quality, sourceMs, reason] of updates ?? []) {
      const cell = cells[index];
      if (!cell) continue;
      cell.value = value;
      cell.quality = quality;
      cell.reason = reason ?? null;
      cell.sourceMs = sourceMs;
      cell.live = true;
      this.#touch(cell);
    }
  }

  #touch(cell: TagCell): void {
    this.#dirty.add(cell);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#schedule(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    const changed = new Set(this.#dirty);
    const acks = this.#pendingAcks;
    this.#dirty.clear();
    this.#pendingAcks = [];
    for (const cell of changed) cell.notify();
    for (const listener of this.#flushListeners) listener(changed);
    for (const ack of acks) ack();
  }
}
