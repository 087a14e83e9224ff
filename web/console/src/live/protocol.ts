import type { ProblemBody, Quality, Scalar } from '../api/types';

/** Messages of the live feed `GET /api/v1/ws`, subprotocol `flyball.v1`. */
export const SUBPROTOCOL = 'flyball.v1';

export type Topic = 'tags' | 'alarms' | 'machines' | 'links' | 'health';

export type Select = { ids: number[] } | { prefix: string } | Record<string, never>;

/** One value: index into the subscription's map, value, quality, source time in epoch ms, reason when not good. */
export type TagUpdate = [
  index: number,
  value: Scalar,
  quality: Quality,
  sourceMs: number | null,
  reason?: string | null,
];

/** Everything anew. `resync` says that it was not asked for: the set of tags changed, or the client lagged. */
export interface SnapshotFrame {
  sub: number;
  seq: number;
  type: 'snapshot' | 'resync';
  map?: [index: number, id: number, name: string][];
  u?: TagUpdate[];
  items?: unknown[];
}

export interface DeltaFrame {
  sub: number;
  seq: number;
  type: 'delta';
  map?: [index: number, id: number, name: string][];
  u?: TagUpdate[];
  items?: unknown[];
  /** Items that are no more, by id. */
  removed?: number[];
}

export interface HelloFrame {
  id: number;
  type: 'hello';
  server: string;
  epoch: string;
  now: string;
}

export interface ErrorFrame {
  id: number | null;
  type: 'error';
  problem: ProblemBody;
}

export type ServerFrame =
  | HelloFrame
  | SnapshotFrame
  | DeltaFrame
  | ErrorFrame
  | { id: number; type: 'unsubscribed'; sub: number };

export type ClientFrame =
  | { id: number; type: 'hello' }
  | { id: number; type: 'subscribe'; topic: Topic; select?: Select; max_hz?: number }
  | { id: number; type: 'unsubscribe'; sub: number }
  | { type: 'ack'; sub: number; seq: number };

/** Parses a text frame; `null` for anything that is not a message of the protocol. */
export function parseFrame(text: unknown): ServerFrame | null {
  if (typeof text !== 'string') return null;
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame !== 'object' || frame === null || !('type' in frame)) return null;
    return frame as ServerFrame;
  } catch {
    return null;
  }
}
