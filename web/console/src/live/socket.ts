import type { ProblemBody } from '../api/types';
import { reconnectDelayMs } from './backoff';
import {
  parseFrame,
  SUBPROTOCOL,
  type ClientFrame,
  type DeltaFrame,
  type HelloFrame,
  type Select,
  type SnapshotFrame,
  type Topic,
} from './protocol';

/** How often the watchdog looks at the age of the last frame. */
const WATCHDOG_MS = 2_000;
/** Silence after which the console asks "are you there" (a repeated hello; any answer counts). */
const PROBE_AFTER_MS = 8_000;
/** Silence after which the connection counts as lost, although no close frame came. */
const DEAD_AFTER_MS = 16_000;
/** A connection that held this long starts again at the shortest back-off. */
const STABLE_AFTER_MS = 5_000;

export type ConnectionState = 'connecting' | 'open' | 'lost' | 'closed';

export interface ConnectionStatus {
  state: ConnectionState;
  /** Epoch ms, this machine's clock, when the state was entered. */
  since: number;
  /** Epoch ms of the last frame received; `null` before the first. */
  lastFrame: number | null;
  /** Run of the server; changes when it restarts. */
  epoch: string | null;
  server: string | null;
  /** Server clock minus this machine's clock, in ms. */
  skewMs: number;
  attempt: number;
}

export interface SubscribeRequest {
  topic: Topic;
  select?: Select;
  max_hz?: number;
}

export interface SubscriptionHandlers {
  snapshot(frame: SnapshotFrame): void;
  /** Apply the frame, then call `ack` once; holding it back makes the server merge. */
  delta(frame: DeltaFrame, ack: () => void): void;
  /** The connection dropped: what was received is stale until the next snapshot. */
  lost?(): void;
  refused?(problem: ProblemBody): void;
}

export interface Subscription {
  close(): void;
}

/** The part of `WebSocket` that is used; tests pass their own. */
export interface Wire {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface SocketOptions {
  open?: (url: string, subprotocol: string) => Wire;
  random?: () => number;
}

interface Entry {
  request: SubscribeRequest;
  handlers: SubscriptionHandlers;
  wireId: number | null;
  lastSeq: number;
}

/**
 * One WebSocket to the server, kept up: says hello, subscribes whatever is wanted on every new connection, passes
 * snapshots and deltas on, returns credits, and reconnects with jittered back-off.
 */
export class LiveSocket {
  readonly #url: string;
  readonly #open: (url: string, subprotocol: string) => Wire;
  readonly #random: () => number;
  readonly #entries = new Set<Entry>();
  readonly #byWireId = new Map<number, Entry>();
  readonly #statusListeners = new Set<(status: ConnectionStatus) => void>();
  readonly #epochListeners = new Set<(epoch: string) => void>();
  readonly #refusalListeners = new Set<(problem: ProblemBody) => void>();
  #wire: Wire | null = null;
  #greeted = false;
  #nextId = 1;
  #connectedAt = 0;
  #lastActivity = 0;
  #probed = false;
  #reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  #watchdogTimer: ReturnType<typeof setInterval> | undefined;
  #status: ConnectionStatus;

  constructor(url: string, options: SocketOptions = {}) {
    this.#url = url;
    this.#open = options.open ?? ((target, subprotocol) => new WebSocket(target, subprotocol));
    this.#random = options.random ?? Math.random;
    this.#status = {
      state: 'connecting',
      since: Date.now(),
      lastFrame: null,
      epoch: null,
      server: null,
      skewMs: 0,
      attempt: 0,
    };
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Calls `listener` on every change of state; returns how to stop. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Calls `listener` when the server turns out to have restarted: cached definitions may be old. */
  onEpochChange(listener: (epoch: string) => void): () => void {
    this.#epochListeners.add(listener);
    return () => this.#epochListeners.delete(listener);
  }

  /** Calls `listener` when the server refuses a request on the feed. */
  onRefusal(listener: (problem: ProblemBody) => void): () => void {
    this.#refusalListeners.add(listener);
    return () => this.#refusalListeners.delete(listener);
  }

  connect(): void {
    if (this.#wire) return;
    clearTimeout(this.#reconnectTimer);
    this.#watchdogTimer ??= setInterval(() => this.#watch(), WATCHDOG_MS);
    let wire: Wire;
    try {
      wire = this.#open(this.#url, SUBPROTOCOL);
    } catch {
      this.#scheduleReconnect();
      return;
    }
    this.#wire = wire;
    this.#greeted = false;
    this.#probed = false;
    this.#lastActivity = Date.now();
    wire.onopen = () => this.#send({ id: this.#nextId++, type: 'hello' });
    wire.onmessage = (event) => this.#receive(event.data);
    wire.onclose = () => this.#dropped(wire);
    wire.onerror = () => undefined;
  }

  /** Tries at once, without waiting for the back-off (the network came back, the user asked). */
  retryNow(): void {
    if (!this.#wire && this.#status.state !== 'closed') this.connect();
  }

  close(): void {
    clearTimeout(this.#reconnectTimer);
    clearInterval(this.#watchdogTimer);
    this.#watchdogTimer = undefined;
    this.#detach();
    this.#setStatus({ state: 'closed', since: Date.now() });
  }

  subscribe(request: SubscribeRequest, handlers: SubscriptionHandlers): Subscription {
    const entry: Entry = { request, handlers, wireId: null, lastSeq: -1 };
    this.#entries.add(entry);
    if (this.#greeted) this.#sendSubscribe(entry);
    return {
      close: () => {
        if (!this.#entries.delete(entry)) return;
        if (entry.wireId !== null) {
          this.#byWireId.delete(entry.wireId);
          this.#send({ id: this.#nextId++, type: 'unsubscribe', sub: entry.wireId });
        }
      },
    };
  }

  #sendSubscribe(entry: Entry): void {
    entry.wireId = this.#nextId++;
    entry.lastSeq = -1;
    this.#byWireId.set(entry.wireId, entry);
    this.#send({ id: entry.wireId, type: 'subscribe', ...entry.request });
  }

  #send(frame: ClientFrame): void {
    try {
      this.#wire?.send(JSON.stringify(frame));
    } catch {
      // the wire is closing: its close event reports the loss
    }
  }

  #receive(data: unknown): void {
    const frame = parseFrame(data);
    if (!frame) return;
    const now = Date.now();
    this.#lastActivity = now;
    this.#status.lastFrame = now;
    this.#probed = false;
    switch (frame.type) {
      case 'hello':
        this.#hello(frame, now);
        return;
      case 'snapshot':
      case 'resync': {
        const entry = this.#byWireId.get(frame.sub);
        // a bare announcement is followed by its snapshot
        if (!entry || (frame.map === undefined && frame.u === undefined && frame.items === undefined)) return;
        entry.lastSeq = frame.seq;
        entry.handlers.snapshot(frame);
        return;
      }
      case 'delta': {
        const entry = this.#byWireId.get(frame.sub);
        if (!entry) return;
        const wire = this.#wire;
        const ack = () => {
          if (this.#wire === wire) this.#send({ type: 'ack', sub: frame.sub, seq: frame.seq });
        };
        if (frame.seq <= entry.lastSeq) {
          ack();
          return;
        }
        entry.lastSeq = frame.seq;
        entry.handlers.delta(frame, ack);
        return;
      }
      case 'error':
        this.#refused(frame.id === null ? undefined : this.#byWireId.get(frame.id), frame.problem);
        return;
      case 'unsubscribed':
        return;
    }
  }

  /** Answers to anything but a subscription (such as a probe) matter to nobody. */
  #refused(entry: Entry | undefined, problem: ProblemBody): void {
    if (!entry) return;
    entry.handlers.refused?.(problem);
    for (const listener of this.#refusalListeners) listener(problem);
  }

  #hello(frame: HelloFrame, now: number): void {
    const serverNow = Date.parse(frame.now);
    const skewMs = Number.isFinite(serverNow) ? serverNow - now : 0;
    const previousEpoch = this.#status.epoch;
    if (this.#greeted) {
      this.#status.skewMs = skewMs;
      return;
    }
    this.#greeted = true;
    this.#connectedAt = now;
    this.#setStatus({ state: 'open', since: now, epoch: frame.epoch, server: frame.server, skewMs });
    for (const entry of this.#entries) this.#sendSubscribe(entry);
    if (previousEpoch !== null && previousEpoch !== frame.epoch) {
      for (const listener of this.#epochListeners) listener(frame.epoch);
    }
  }

  #watch(): void {
    if (!this.#wire) return;
    const silence = Date.now() - this.#lastActivity;
    if (silence >= DEAD_AFTER_MS) {
      this.#dropped(this.#wire);
    } else if (silence >= PROBE_AFTER_MS && this.#greeted && !this.#probed) {
      this.#probed = true;
      this.#send({ id: this.#nextId++, type: 'hello' });
    }
  }

  #detach(): void {
    const wire = this.#wire;
    if (!wire) return;
    wire.onopen = wire.onmessage = wire.onclose = wire.onerror = null;
    this.#wire = null;
    this.#greeted = false;
    this.#byWireId.clear();
    try {
      wire.close();
    } catch {
      // already closed
    }
  }

  #dropped(wire: Wire): void {
    if (wire !== this.#wire) return;
    const wasOpen = this.#greeted;
    this.#detach();
    if (wasOpen && Date.now() - this.#connectedAt >= STABLE_AFTER_MS) this.#status.attempt = 0;
    for (const entry of this.#entries) {
      entry.wireId = null;
      if (wasOpen) entry.handlers.lost?.();
    }
    this.#scheduleReconnect();
  }

  #scheduleReconnect(): void {
    const attempt = this.#status.attempt;
    const since = this.#status.state === 'lost' ? this.#status.since : Date.now();
    this.#setStatus({ state: 'lost', since, attempt: attempt + 1 });
    clearTimeout(this.#reconnectTimer);
    this.#reconnectTimer = setTimeout(() => this.connect(), reconnectDelayMs(attempt, this.#random()));
  }

  #setStatus(change: Partial<ConnectionStatus>): void {
    this.#status = { ...this.#status, ...change };
    for (const listener of this.#statusListeners) listener(this.#status);
  }
}
