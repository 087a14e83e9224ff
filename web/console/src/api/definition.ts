import type { DataType, Priority, Scalar } from './types';

/** What a tag is, by the keys of a plant definition. An absent key and `null` say the same. */
export interface TagDefinition {
  name: string;
  display_name?: string | null;
  description?: string | null;
  area?: string | null;
  data_type?: DataType;
  quantity?: string | null;
  unit?: string | null;
  display_unit?: string | null;
  range?: Limits | null;
  link?: string | null;
  node?: string | null;
  publish_ms?: number | null;
  poll_ms?: number | null;
  expression?: string | null;
  filter?: Filter | null;
  screens?: Screens | null;
  dead_band?: DeadBand | null;
  max_silence_ms?: number | null;
  stale_after_ms?: number | null;
  writable?: boolean;
  write_limits?: Limits | null;
  write_role?: Role | null;
  history?: boolean;
  history_dead_band?: DeadBand | null;
  retention?: string | null;
  initial?: Scalar;
  location?: Location | null;
}

export interface Limits {
  low: number;
  high: number;
}

export interface Location {
  segment: string;
  /** Kilometre post, km. */
  post: number;
}

/** Absolute in the tag's unit, or percent of its range. */
export interface DeadBand {
  absolute?: number;
  percent?: number;
}

/** One of them. */
export interface Filter {
  lag?: { time_constant_ms: number };
  kalman?: { process_noise: number; measurement_noise: number; reset_sigmas?: number };
  median?: { samples: number };
}

export interface Screens {
  alarm?: Priority | null;
  frozen?: { deviation: number; window_ms: number } | null;
  outlier?: { samples: number; sigmas?: number; floor?: number } | null;
  range?: { low?: number | null; high?: number | null } | null;
  rate?: { limit: number } | null;
  drift?: { target?: number | null; reference_samples?: number | null; slack: number; threshold: number } | null;
}

export const ROLES = ['operator', 'supervisor', 'engineer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Answer of `GET /tags/{id}/definition`. */
export interface DefinitionView {
  definition: TagDefinition;
  /** The plant makes it by itself: it cannot be edited. */
  made: boolean;
  used_by: TagUse[];
}

export interface TagUse {
  /** Kind of item: `alarm`, `machine`, `tag` … */
  item: string;
  name: string;
  field: string;
}

/** An answer with the version that a change of it must name. */
export interface Versioned<T> {
  body: T;
  etag: string;
}

/** Answer of a change: `problems` were agreed but take effect only at the next start, a sentence each. */
export interface Agreed<T> {
  body: T;
  problems: string[];
}

export interface Quantity {
  name: string;
  units: Unit[];
}

/** SI value = value × factor + offset. */
export interface Unit {
  symbol: string;
  factor: number;
  offset: number;
}

/** What a change does, or has done. At most 1,000 items and 200 warnings; the counts are of all. */
export interface Plan {
  empty: boolean;
  added: number;
  changed: number;
  renamed: number;
  removed: number;
  text: string;
  warnings: string[];
  warnings_total: number;
  items: PlanItem[];
  /** What was agreed but takes effect only at the next start, a sentence each. */
  problems: string[];
}

export interface PlanItem {
  change: 'add' | 'change' | 'remove' | 'rename';
  item: string;
  name: string;
  was: string | null;
  /** Of an item that is added, `before` is null everywhere. */
  fields: { field: string; before: unknown; after: unknown }[];
}

/** `position`: column from 1, in characters. */
export type ExpressionCheck = { ok: true; tags: string[] } | { ok: false; position: number; detail: string };

export const EXPORTS = ['toml', 'tags_csv', 'alarms_csv'] as const;
export type ExportFormat = (typeof EXPORTS)[number];

/** What a plant file is, as its content type. */
export type PlantFileType = 'application/toml' | 'text/csv';
