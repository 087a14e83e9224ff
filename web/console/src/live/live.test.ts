import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconnectDelayMs } from './backoff';
import { Collection } from './collection';
import { parseFrame } from './protocol';
import { LiveSocket, type Wire } from './socket';
import { TagStore } from './tag-store';

class FakeWire implements Wire {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  receive(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as MessageEvent);
  }
  greet(epoch = 'e1'): void {
    this.onopen?.({} as Event);
    const hello = this.sent.find((frame) => frame.type === 'hello')!;
    this.receive({ id: hello.id, type: 'hello', server: 'flyball', epoch, now: new Date(Date.now() + 500).toISOString() });
  }
  drop(): void {
    this.onclose?.({} as CloseEvent);
  }
  subscribes(): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === 'subscribe');
  }
}

function rig() {
  const wires: FakeWire[] = [];
  const socket = new LiveSocket('ws://x/api/v1/ws', {
    open: () => {
      const wire = new FakeWire();
      wires.push(wire);
      return wire;
    },
    random: () => 0,
  });
  socket.connect();
  return { socket, wires };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('back-off', () => {
  it('doubles up to ten seconds and keeps half as jitter', () => {
    expect([0, 1, 2, 9].map((attempt) => reconnectDelayMs(attempt, 0))).toEqual([250, 500, 1000, 5000]);
    expect(reconnectDelayMs(40, 0.999)).toBeLessThanOrEqual(10_000);
  });
});

describe('frames', () => {
  it('ignores what is no message', () => {
    expect(parseFrame('nonsense')).toBeNull();
    expect(parseFrame('[1]')).toBeNull();
    expect(parseFrame(new ArrayBuffer(2))).toBeNull();
    expect(parseFrame('{"type":"hello"}')).not.toBeNull();
  });
});

describe('socket', () => {
  it('subscribes only after the hello, and learns the clock of the server', () => {
    const { socket, wires } = rig();
    socket.subscribe({ topic: 'alarms' }, { snapshot: () => undefined, delta: () => undefined });
    expect(wires[0]!.subscribes()).toHaveLength(0);
    wires[0]!.greet();
    expect(wires[0]!.subscribes()).toMatchObject([{ topic: 'alarms' }]);
    expect(socket.status).toMatchObject({ state: 'open', epoch: 'e1', skewMs: 500 });
  });

  it('returns credits for deltas, and passes an old delta to nobody', () => {
    const { socket, wires } = rig();
    const seen: number[] = [];
    socket.subscribe(
      { topic: 'links' },
      {
        snapshot: (frame) => seen.push(frame.seq),
        delta: (frame, ack) => {
          seen.push(frame.seq);
          ack();
        },
      },
    );
    wires[0]!.greet();
    const sub = wires[0]!.subscribes()[0]!.id as number;
    wires[0]!.receive({ id: sub, type: 'snapshot', sub, seq: 10, items: [] });
    wires[0]!.receive({ sub, type: 'delta', seq: 11, items: [] });
    wires[0]!.receive({ sub, type: 'delta', seq: 11, items: [] });
    expect(seen).toEqual([10, 11]);
    expect(wires[0]!.sent.filter((frame) => frame.type === 'ack')).toEqual([
      { type: 'ack', sub, seq: 11 },
      { type: 'ack', sub, seq: 11 },
    ]);
  });

  it('reconnects, subscribes again and tells of a new epoch', () => {
    const { socket, wires } = rig();
    const lost = vi.fn();
    const epoch = vi.fn();
    socket.onEpochChange(epoch);
    socket.subscribe({ topic: 'links' }, { snapshot: () => undefined, delta: () => undefined, lost });
    wires[0]!.greet('e1');
    wires[0]!.drop();
    expect(lost).toHaveBeenCalledOnce();
    expect(socket.status.state).toBe('lost');
    vi.advanceTimersByTime(300);
    wires[1]!.greet('e2');
    expect(wires[1]!.subscribes()).toHaveLength(1);
    expect(epoch).toHaveBeenCalledWith('e2');
    expect(socket.status.state).toBe('open');
  });

  it('backs off further while the server stays away, counting from the first loss', () => {
    const { socket, wires } = rig();
    wires[0]!.greet();
    wires[0]!.drop();
    const since = socket.status.since;
    vi.advanceTimersByTime(250);
    wires[1]!.drop();
    vi.advanceTimersByTime(250);
    expect(wires).toHaveLength(2);
    vi.advanceTimersByTime(250);
    expect(wires).toHaveLength(3);
    expect(socket.status.since).toBe(since);
  });

  it('probes a silent connection and gives it up when nothing answers', () => {
    const { socket, wires } = rig();
    wires[0]!.greet();
    vi.advanceTimersByTime(9_000);
    expect(wires[0]!.sent.filter((frame) => frame.type === 'hello')).toHaveLength(2);
    vi.advanceTimersByTime(8_000);
    expect(socket.status.state).toBe('lost');
    expect(wires[0]!.closed).toBe(true);
  });
});

describe('tag store', () => {
  function storeRig() {
    const base = rig();
    let flush: (() => void) | null = null;
    const store = new TagStore(base.socket, (work) => {
      flush = work;
    });
    return {
      ...base,
      store,
      flush: () => {
        const work = flush;
        flush = null;
        work?.();
      },
    };
  }

  it('keeps the last value, tells once per frame, and acknowledges after the frame', () => {
    const { wires, store, flush } = storeRig();
    wires[0]!.greet();
    store.watch([7]);
    vi.advanceTimersByTime(100);
    const sub = wires[0]!.subscribes()[0]!.id as number;
    const told = vi.fn();
    store.cell(7).subscribe(told);
    wires[0]!.receive({ id: sub, type: 'snapshot', sub, seq: 1, map: [[0, 7, 'a']], u: [[0, 1, 'good', 10]] });
    wires[0]!.receive({ sub, type: 'delta', seq: 2, u: [[0, 2, 'good', 20]] });
    wires[0]!.receive({ sub, type: 'delta', seq: 3, u: [[0, 3, 'bad', 30, 'no communication']] });
    expect(wires[0]!.sent.some((frame) => frame.type === 'ack')).toBe(false);
    flush();
    expect(told).toHaveBeenCalledOnce();
    expect(store.cell(7)).toMatchObject({ value: 3, quality: 'bad', reason: 'no communication', live: true });
    expect(wires[0]!.sent.filter((frame) => frame.type === 'ack')).toHaveLength(2);
  });

  it('renews one subscription when more is watched, and drops the old one after the new snapshot', () => {
    const { wires, store } = storeRig();
    wires[0]!.greet();
    store.watch([1, 2]);
    vi.advanceTimersByTime(100);
    store.watch([3]);
    store.watch([2, 3]);
    vi.advanceTimersByTime(100);
    const [first, second] = wires[0]!.subscribes();
    expect(first).toMatchObject({ select: { ids: [1, 2] } });
    expect(second).toMatchObject({ select: { ids: [1, 2, 3] } });
    expect(wires[0]!.sent.some((frame) => frame.type === 'unsubscribe')).toBe(false);
    wires[0]!.receive({ id: second!.id, type: 'snapshot', sub: second!.id, seq: 1, map: [], u: [] });
    expect(wires[0]!.sent.filter((frame) => frame.type === 'unsubscribe')).toMatchObject([{ sub: first!.id }]);
  });

  it('does not renew for a few tags that went out of view', () => {
    const { wires, store } = storeRig();
    wires[0]!.greet();
    const release = store.watch([1, 2, 3]);
    store.watch([1]);
    vi.advanceTimersByTime(100);
    release();
    vi.advanceTimersByTime(100);
    expect(wires[0]!.subscribes()).toHaveLength(1);
  });

  it('takes a snapshot that it did not ask for: new names, new tags, and tags that are gone', () => {
    const { wires, store, flush } = storeRig();
    wires[0]!.greet();
    store.watch([7, 8, 9]);
    vi.advanceTimersByTime(100);
    const sub = wires[0]!.subscribes()[0]!.id as number;
    const resynced = vi.fn();
    store.onResync(resynced);
    wires[0]!.receive({ id: sub, type: 'snapshot', sub, seq: 1, map: [[0, 7, 'a'], [1, 8, 'b']], u: [[0, 1, 'good', 10], [1, 2, 'good', 10]] });
    flush();
    expect(resynced).not.toHaveBeenCalled();

    wires[0]!.receive({ sub, type: 'resync', seq: 5, map: [[0, 8, 'renamed'], [1, 9, 'c']], u: [[0, 3, 'good', 20], [1, 4, 'good', 20]] });
    flush();
    expect(resynced).toHaveBeenCalledOnce();
    expect(store.cell(7)).toMatchObject({ value: null, quality: 'bad', live: false });
    expect(store.cell(8)).toMatchObject({ name: 'renamed', value: 3, live: true });
    expect(store.cell(9)).toMatchObject({ name: 'c', value: 4, live: true });

    wires[0]!.receive({ sub, type: 'delta', seq: 6, u: [[0, 5, 'good', 30]] });
    flush();
    expect(store.cell(8).value).toBe(5);
    expect(store.cell(7).value).toBeNull();
  });

  it('waits for the snapshot after a bare resync, and does not take the one after a reconnect for one', () => {
    const { wires, store, flush } = storeRig();
    wires[0]!.greet();
    store.watch([7]);
    vi.advanceTimersByTime(100);
    const resynced = vi.fn();
    store.onResync(resynced);
    const answer = (wire: FakeWire, seq: number, value: number) => {
      const sub = wire.subscribes()[0]!.id as number;
      wire.receive({ id: sub, type: 'snapshot', sub, seq, map: [[0, 7, 'a']], u: [[0, value, 'good', 10]] });
    };
    answer(wires[0]!, 1, 1);
    wires[0]!.receive({ sub: wires[0]!.subscribes()[0]!.id, type: 'resync', seq: 2 });
    flush();
    expect(store.cell(7)).toMatchObject({ value: 1, live: true });
    expect(resynced).not.toHaveBeenCalled();
    answer(wires[0]!, 3, 2);
    expect(resynced).toHaveBeenCalledOnce();

    wires[0]!.drop();
    vi.advanceTimersByTime(300);
    wires[1]!.greet();
    answer(wires[1]!, 1, 4);
    expect(resynced).toHaveBeenCalledOnce();
  });

  it('marks values as not live when the connection drops', () => {
    const { wires, store, flush } = storeRig();
    wires[0]!.greet();
    store.watch([7]);
    vi.advanceTimersByTime(100);
    const sub = wires[0]!.subscribes()[0]!.id as number;
    wires[0]!.receive({ id: sub, type: 'snapshot', sub, seq: 1, map: [[0, 7, 'a']], u: [[0, 1, 'good', 10]] });
    flush();
    wires[0]!.drop();
    flush();
    expect(store.cell(7)).toMatchObject({ value: 1, live: false });
  });
});

describe('refusals', () => {
  it('are told, and the tags in view are asked for again', () => {
    const { socket, wires } = rig();
    const told = vi.fn();
    socket.onRefusal(told);
    const store = new TagStore(socket, () => undefined);
    wires[0]!.greet();
    store.watch([99]);
    vi.advanceTimersByTime(100);
    const sub = wires[0]!.subscribes()[0]!.id;
    wires[0]!.receive({ id: sub, type: 'error', problem: { title: 'unknown tag', status: 404, code: 'unknown_tag' } });
    wires[0]!.receive({ id: 12345, type: 'error', problem: { title: 'said hello before', status: 409, code: 'wrong_state' } });
    expect(told).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(5_100);
    expect(wires[0]!.subscribes()).toHaveLength(2);
  });
});

describe('collection', () => {
  it('replaces on a snapshot, merges deltas, and tells once per frame', () => {
    const { socket, wires } = rig();
    const seen: { id: number; v: number }[][] = [];
    let flush: () => void = () => undefined;
    const collection = new Collection<{ id: number; v: number }>(
      (item) => item.id,
      (items) => seen.push(items),
      (work) => {
        flush = work;
      },
    );
    collection.follow(socket, 'machines');
    wires[0]!.greet();
    const sub = wires[0]!.subscribes()[0]!.id as number;
    wires[0]!.receive({ id: sub, type: 'snapshot', sub, seq: 1, items: [{ id: 1, v: 1 }, { id: 2, v: 1 }] });
    wires[0]!.receive({ sub, type: 'delta', seq: 2, items: [{ id: 2, v: 2 }] });
    flush();
    expect(seen).toEqual([[{ id: 1, v: 1 }, { id: 2, v: 2 }]]);
    wires[0]!.receive({ sub, type: 'delta', seq: 3, items: [], removed: [1, 9] });
    flush();
    expect(seen[1]).toEqual([{ id: 2, v: 2 }]);
    expect(wires[0]!.sent.filter((frame) => frame.type === 'ack')).toHaveLength(2);
  });
});
