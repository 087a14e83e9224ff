/** Shapes of the HTTP and WebSocket API, as the server sends them: snake_case, times RFC 3339 UTC. */

export type Quality = 'good' | 'uncertain' | 'bad';
export type Scalar = number | boolean | string | null;
export type DataType = 'float' | 'integer' | 'boolean' | 'text';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface TagView {
  id: number;
  name: string;
  display_name: string | null;
  description: string | null;
  area: string | null;
  data_type: DataType;
  quantity: string | null;
  unit: string | null;
  /** Unit shown to people; `null` where the source unit is shown. */
  display_unit: string | null;
  /** Value in the display unit = value × factor + offset. */
  display: { factor: number; offset: number } | null;
  range: { low: number; high: number } | null;
  link: string | null;
  node: string | null;
  poll_ms: number | null;
  expression: string | null;
  stale_after_ms: number | null;
  location: { segment: string; post: number } | null;
  writable: boolean;
  /** The plant makes it by itself: it cannot be edited. */
  made: boolean;
  /** An operator's value stands in place of the device's. */
  substituted: boolean;
  /** Screens that stand now. */
  screens: string[];
  /** Value before the filter or, where substituted, of the device. */
  raw: Scalar;
  value: Scalar;
  quality: Quality;
  reason: string | null;
  status_code: number;
  source_time: string | null;
  server_time: string | null;
  seen_time: string | null;
  seq: number;
}

/** A value with the source unit that it is in: the server refuses it where the tag has another unit by then. */
export interface SourceValue {
  value: Scalar;
  unit: string | null;
}

/** Columns of `GET /history` with `agg=minmax`; `t` in epoch milliseconds, `null` is a gap. */
export interface HistoryColumns {
  t: number[];
  series: HistorySeries[];
  /** Absent where no unit changed since the begin. */
  unit_changes?: UnitChange[];
}

/** Values of a tag before `t`, in milliseconds since the epoch, are in the unit `before`. */
export interface UnitChange {
  id: number;
  t: number;
  before: string | null;
  after: string | null;
}

export interface HistorySeries {
  id: number;
  v: (number | boolean | null)[];
  min?: (number | null)[];
  max?: (number | null)[];
  q?: number[];
}

export type Priority = 'critical' | 'high' | 'medium' | 'low';
/** State beneath the flags. */
export type AlarmCore = 'NORM' | 'UNACK' | 'ACKED' | 'RTNUN' | 'LTUNK' | 'LTACK';
/** State that is shown: what is put aside hides its core. */
export type AlarmState = AlarmCore | 'SHLVD' | 'DSUPR' | 'OOSRV';

export interface AlarmView {
  id: number;
  name: string;
  tag_id: number | null;
  tag: string | null;
  kind: string;
  class: string;
  /** `null` while the tag that gives it has no usable value. */
  set_point: number | boolean | null;
  set_point_tag: string | null;
  /** The tag that it deviates from. */
  reference: string | null;
  dead_band: number | null;
  unit: string | null;
  priority: Priority;
  state: AlarmState;
  core: AlarmCore;
  active: boolean;
  quality_hold: boolean;
  occurrence: number;
  value: Scalar;
  raised_at: string | null;
  since: string | null;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  shelf: ShelfView | null;
  suppressed_since: string | null;
  out_of_service: OutOfServiceView | null;
  /** A delay is under way. */
  pending_since: string | null;
  silenced: boolean;
  group: string | null;
  first_out: boolean;
  peak: Scalar;
  respond_ms: number | null;
  description: string | null;
  cause: string | null;
  consequence: string | null;
  action: string | null;
  allowed: string[];
}

export interface ShelfView {
  until: string;
  /** Only until the condition has passed, where that is sooner. */
  one_shot: boolean;
  since: string;
  by: string;
  reason: string;
}

export interface OutOfServiceView {
  since: string;
  by: string;
  reason: string;
}

export type AlarmCommandName =
  | 'acknowledge'
  | 'reset'
  | 'silence'
  | 'comment'
  | 'shelve'
  | 'unshelve'
  | 'out_of_service'
  | 'return_to_service';

/** Body of `POST /alarms/{id}/commands`. */
export interface AlarmCommand {
  command: AlarmCommandName;
  seconds?: number;
  one_shot?: boolean;
  by?: string;
  reason?: string;
}

/** One occurrence of an alarm, from begin to end. */
export interface Occurrence {
  alarm_id: number;
  /** `null` where the alarm is no longer defined. */
  alarm: string | null;
  occurrence: number;
  raised_at: string;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  returned_at: string | null;
  /** `null` while it stands; so is the duration. */
  cleared_at: string | null;
  duration_ms: number | null;
  peak: Scalar;
  first_out: boolean;
}

/** Whether the alarm journal is as it was written. */
export interface JournalVerification {
  ok: boolean;
  checked: number;
  head: string | null;
  problem: string | null;
}

export interface AckResult {
  items: { id: number; alarm: AlarmView | null; problem: ProblemBody | null }[];
}

export interface JournalEntry {
  id: number;
  alarm_id: number;
  /** `null` where the alarm is no longer defined. */
  alarm: string | null;
  occurrence: number;
  from: string;
  to: string;
  event: string;
  value: Scalar;
  quality: Quality;
  occurred: string;
  recorded: string;
  actor: string | null;
  reason: string | null;
  /** Nothing was over it: operators were told. */
  annunciated: boolean;
}

export interface MachinePort {
  name: string;
  tag_id: number;
  /** Tag that an output is also written to. */
  drives_id: number | null;
  tag: string;
  unit: string | null;
  value: Scalar;
  quality: Quality;
}

export interface MachineParameter {
  name: string;
  data_type: DataType;
  value: Scalar;
  unit: string | null;
  low: number | null;
  high: number | null;
  choices: string[] | null;
  description: string | null;
}

export interface MachineView {
  id: number;
  name: string;
  kind: string;
  description: string | null;
  mode: 'sync' | 'async';
  interval_ms: number;
  state: string;
  fault: string | null;
  allowed: string[];
  inputs: MachinePort[];
  outputs: MachinePort[];
  parameters: MachineParameter[];
  stats: {
    steps: number;
    overruns: number;
    missed: number;
    step_us_last: number;
    step_us_max: number;
    late_us_max: number;
  };
}

export interface LinkView {
  id: number;
  name: string;
  endpoint: string;
  state: 'connecting' | 'connected' | 'lost' | 'stopped';
  reason: string | null;
  since: string;
  tags: number;
  bad_tags: number;
  items_failed: number;
  changes: number;
  batches: number;
  reconnects: number;
  coalesced: number;
}

export interface HealthView {
  status: 'ok' | 'degraded';
  reasons: string[];
  plant: string;
  version: string;
  epoch: string;
  /** Version of the plant's definition: another one after every change of it. */
  definition: string;
  started_at: string;
  now: string;
  console: 'embedded' | 'placeholder';
  actors: { name: string; state: 'running' | 'restarting' | 'failed'; restarts: number }[];
  links: { connected: number; lost: number };
  alarms: {
    unacknowledged: number;
    active: number;
    standing: number;
    shelved: number | null;
    suppressed: number | null;
    out_of_service: number | null;
  };
  machines: { run: number; fault: number; total: number };
  tags: { total: number; bad: number };
  database: { state: 'ok' | 'degraded'; error: string | null };
  history: {
    frames: number;
    changes: number;
    last_seq: number;
    durable_seq: number;
    lag_ms: number;
    journal_bytes: number;
    lost: number;
  };
}

/** Body of `application/problem+json` (RFC 9457). */
export interface ProblemBody {
  type?: string;
  title: string;
  status: number;
  detail?: string | null;
  code: string;
  errors?: { pointer?: string; code: string; detail: string }[];
  request_id?: string | null;
  allowed?: string[];
}
