/** The form of a tag: every field as it is typed, and the definition that the fields say. */
import type { DeadBand, Filter, Limits, Role, Screens, TagDefinition } from '../api/definition';
import type { DataType, Priority, Scalar } from '../api/types';
import { parseInput } from './format';

export type BandKind = 'none' | 'absolute' | 'percent';
export type FilterKind = 'none' | 'lag' | 'kalman' | 'median';
export type SourceKind = 'link' | 'expression' | 'table';
export type PaceKind = 'link' | 'publish' | 'poll';
export type ScreenKind = 'frozen' | 'outlier' | 'range' | 'rate' | 'drift';
export const SCREENS: readonly ScreenKind[] = ['frozen', 'outlier', 'range', 'rate', 'drift'];

export interface TagForm {
  name: string;
  display_name: string;
  description: string;
  area: string;
  segment: string;
  post: string;
  data_type: DataType;
  quantity: string;
  unit: string;
  display_unit: string;
  low: string;
  high: string;
  source: SourceKind;
  link: string;
  node: string;
  pace: PaceKind;
  publish_ms: string;
  poll_ms: string;
  expression: string;
  initial: string;
  filter: FilterKind;
  time_constant_ms: string;
  process_noise: string;
  measurement_noise: string;
  reset_sigmas: string;
  median_samples: string;
  band: BandKind;
  band_width: string;
  screens: Record<ScreenKind, boolean>;
  screens_alarm: Priority | '';
  frozen_deviation: string;
  frozen_window_ms: string;
  outlier_samples: string;
  outlier_sigmas: string;
  outlier_floor: string;
  range_low: string;
  range_high: string;
  rate_limit: string;
  drift_by: 'target' | 'reference';
  drift_target: string;
  drift_reference_samples: string;
  drift_slack: string;
  drift_threshold: string;
  max_silence_ms: string;
  stale_after_ms: string;
  writable: boolean;
  write_low: string;
  write_high: string;
  write_role: Role | '';
  history: boolean;
  history_band: BandKind;
  history_band_width: string;
  retention: string;
}

/** What is wrong with a field, by its pointer into the definition. */
export type FieldErrors = Record<string, string>;

/** Keys of texts; the editor puts them into words. */
export type Fault = 'form.required' | 'form.number' | 'form.whole' | 'form.type' | 'form.order';

const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

function bandOf(band: DeadBand | null | undefined): { kind: BandKind; width: string } {
  if (typeof band?.absolute === 'number') return { kind: 'absolute', width: text(band.absolute) };
  if (typeof band?.percent === 'number') return { kind: 'percent', width: text(band.percent) };
  return { kind: 'none', width: '' };
}

/** The fields that say `definition`; what it does not have is as a new tag has it. */
export function formOf(definition: Partial<TagDefinition> = {}): TagForm {
  const { filter, screens } = definition;
  const band = bandOf(definition.dead_band);
  const historyBand = bandOf(definition.history_dead_band);
  return {
    name: text(definition.name),
    display_name: text(definition.display_name),
    description: text(definition.description),
    area: text(definition.area),
    segment: text(definition.location?.segment),
    post: text(definition.location?.post),
    data_type: definition.data_type ?? 'float',
    quantity: text(definition.quantity),
    unit: text(definition.unit),
    display_unit: text(definition.display_unit),
    low: text(definition.range?.low),
    high: text(definition.range?.high),
    source: definition.link ? 'link' : definition.expression ? 'expression' : 'table',
    link: text(definition.link),
    node: text(definition.node),
    pace: definition.poll_ms ? 'poll' : definition.publish_ms ? 'publish' : 'link',
    publish_ms: text(definition.publish_ms),
    poll_ms: text(definition.poll_ms),
    expression: text(definition.expression),
    initial: text(definition.initial),
    filter: filter?.lag ? 'lag' : filter?.kalman ? 'kalman' : filter?.median ? 'median' : 'none',
    time_constant_ms: text(filter?.lag?.time_constant_ms),
    process_noise: text(filter?.kalman?.process_noise),
    measurement_noise: text(filter?.kalman?.measurement_noise),
    reset_sigmas: text(filter?.kalman?.reset_sigmas ?? 5),
    median_samples: text(filter?.median?.samples ?? 5),
    band: band.kind,
    band_width: band.width,
    screens: {
      frozen: Boolean(screens?.frozen),
      outlier: Boolean(screens?.outlier),
      range: Boolean(screens?.range),
      rate: Boolean(screens?.rate),
      drift: Boolean(screens?.drift),
    },
    screens_alarm: screens?.alarm ?? '',
    frozen_deviation: text(screens?.frozen?.deviation),
    frozen_window_ms: text(screens?.frozen?.window_ms ?? 60_000),
    outlier_samples: text(screens?.outlier?.samples ?? 11),
    outlier_sigmas: text(screens?.outlier?.sigmas ?? 3),
    outlier_floor: text(screens?.outlier?.floor ?? 0),
    range_low: text(screens?.range?.low),
    range_high: text(screens?.range?.high),
    rate_limit: text(screens?.rate?.limit),
    drift_by: typeof screens?.drift?.target === 'number' ? 'target' : 'reference',
    drift_target: text(screens?.drift?.target),
    drift_reference_samples: text(screens?.drift?.reference_samples ?? 100),
    drift_slack: text(screens?.drift?.slack),
    drift_threshold: text(screens?.drift?.threshold),
    max_silence_ms: text(definition.max_silence_ms),
    stale_after_ms: text(definition.stale_after_ms),
    writable: definition.writable ?? false,
    write_low: text(definition.write_limits?.low),
    write_high: text(definition.write_limits?.high),
    write_role: definition.write_role ?? '',
    history: definition.history ?? true,
    history_band: historyBand.kind,
    history_band_width: historyBand.width,
    retention: text(definition.retention),
  };
}

export const isNumeric = (type: DataType): boolean => type === 'float' || type === 'integer';

/** A calculated value has one source and cannot be written. */
export const mayBeWritten = (form: TagForm): boolean => form.source !== 'expression';

/** Reads numbers out of fields and notes what cannot be read. */
class Reader {
  readonly faults: Record<string, Fault> = {};

  /** `undefined` where the field is empty or no number. */
  optional(pointer: string, typed: string, type: 'float' | 'integer' = 'float'): number | undefined {
    if (typed.trim() === '') return undefined;
    const value = parseInput(typed, type);
    if (typeof value === 'number') return value;
    this.faults[pointer] = type === 'integer' ? 'form.whole' : 'form.number';
    return undefined;
  }

  /** 0 stands in for what cannot be read, next to its fault. */
  required(pointer: string, typed: string, type: 'float' | 'integer' = 'float'): number {
    if (typed.trim() === '') this.faults[pointer] = 'form.required';
    return this.optional(pointer, typed, type) ?? 0;
  }

  word(pointer: string, typed: string): string {
    if (typed.trim() === '') this.faults[pointer] = 'form.required';
    return typed.trim();
  }

  /** Both ends or none. */
  limits(pointer: string, low: string, high: string): Limits | undefined {
    if (low.trim() === '' && high.trim() === '') return undefined;
    const limits = { low: this.required(`${pointer}/low`, low), high: this.required(`${pointer}/high`, high) };
    const read = !(`${pointer}/low` in this.faults) && !(`${pointer}/high` in this.faults);
    if (read && limits.low >= limits.high) this.faults[`${pointer}/high`] = 'form.order';
    return limits;
  }

  band(pointer: string, kind: BandKind, width: string): DeadBand | undefined {
    if (kind === 'none') return undefined;
    return { [kind]: this.required(`${pointer}/${kind}`, width) };
  }
}

/**
 * The definition that the fields say, and what is wrong with fields that cannot be read, by pointer. Fields that the
 * choices above them rule out are left out; whether the values make sense is for the server to say.
 */
export function definitionOf(form: TagForm): { definition: TagDefinition; faults: Record<string, Fault> } {
  const read = new Reader();
  const definition: TagDefinition = { name: read.word('/name', form.name), data_type: form.data_type, history: form.history };
  const set = <K extends keyof TagDefinition>(key: K, value: TagDefinition[K] | undefined) => {
    if (value !== undefined && value !== '') definition[key] = value;
  };

  set('display_name', form.display_name.trim());
  set('description', form.description.trim());
  set('area', form.area.trim());
  if (form.segment.trim() !== '' || form.post.trim() !== '') {
    set('location', {
      segment: read.word('/location/segment', form.segment),
      post: read.required('/location/post', form.post),
    });
  }

  if (isNumeric(form.data_type)) {
    set('quantity', form.quantity);
    set('unit', form.unit);
    set('display_unit', form.display_unit);
    set('range', read.limits('/range', form.low, form.high));
    set('dead_band', read.band('/dead_band', form.band, form.band_width));
    set('screens', readScreens(read, form));
  }
  if (form.data_type === 'float') set('filter', readFilter(read, form));

  readSource(read, form, set);
  set('max_silence_ms', read.optional('/max_silence_ms', form.max_silence_ms, 'integer'));
  set('stale_after_ms', read.optional('/stale_after_ms', form.stale_after_ms, 'integer'));

  if (form.writable && mayBeWritten(form)) {
    definition.writable = true;
    if (isNumeric(form.data_type)) set('write_limits', read.limits('/write_limits', form.write_low, form.write_high));
    if (form.write_role !== '') definition.write_role = form.write_role;
  }
  if (form.history) {
    if (isNumeric(form.data_type)) {
      set('history_dead_band', read.band('/history_dead_band', form.history_band, form.history_band_width));
    }
    set('retention', form.retention.trim());
  }
  return { definition, faults: read.faults };
}

type Set = <K extends keyof TagDefinition>(key: K, value: TagDefinition[K] | undefined) => void;

function readSource(read: Reader, form: TagForm, set: Set): void {
  switch (form.source) {
    case 'link':
      set('link', read.word('/link', form.link));
      set('node', read.word('/node', form.node));
      if (form.pace === 'publish') set('publish_ms', read.required('/publish_ms', form.publish_ms, 'integer'));
      if (form.pace === 'poll') set('poll_ms', read.required('/poll_ms', form.poll_ms, 'integer'));
      return;
    case 'expression':
      set('expression', read.word('/expression', form.expression));
      return;
    case 'table': {
      if (form.initial === '') return;
      const initial: Scalar | undefined = parseInput(form.initial, form.data_type);
      if (initial === undefined) read.faults['/initial'] = 'form.type';
      else set('initial', initial);
    }
  }
}

function readFilter(read: Reader, form: TagForm): Filter | undefined {
  switch (form.filter) {
    case 'none':
      return undefined;
    case 'lag':
      return { lag: { time_constant_ms: read.required('/filter/lag/time_constant_ms', form.time_constant_ms, 'integer') } };
    case 'kalman':
      return {
        kalman: {
          process_noise: read.required('/filter/kalman/process_noise', form.process_noise),
          measurement_noise: read.required('/filter/kalman/measurement_noise', form.measurement_noise),
          reset_sigmas: read.required('/filter/kalman/reset_sigmas', form.reset_sigmas),
        },
      };
    case 'median':
      return { median: { samples: read.required('/filter/median/samples', form.median_samples, 'integer') } };
  }
}

function readScreens(read: Reader, form: TagForm): Screens | undefined {
  const screens: Screens = {};
  if (form.screens.frozen) {
    screens.frozen = {
      deviation: read.required('/screens/frozen/deviation', form.frozen_deviation),
      window_ms: read.required('/screens/frozen/window_ms', form.frozen_window_ms, 'integer'),
    };
  }
  if (form.screens.outlier) {
    screens.outlier = {
      samples: read.required('/screens/outlier/samples', form.outlier_samples, 'integer'),
      sigmas: read.required('/screens/outlier/sigmas', form.outlier_sigmas),
      floor: read.required('/screens/outlier/floor', form.outlier_floor),
    };
  }
  if (form.screens.range) {
    const low = read.optional('/screens/range/low', form.range_low);
    const high = read.optional('/screens/range/high', form.range_high);
    screens.range = { ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) };
  }
  if (form.screens.rate) screens.rate = { limit: read.required('/screens/rate/limit', form.rate_limit) };
  if (form.screens.drift) {
    const centre =
      form.drift_by === 'target'
        ? { target: read.required('/screens/drift/target', form.drift_target) }
        : {
            reference_samples: read.required('/screens/drift/reference_samples', form.drift_reference_samples, 'integer'),
          };
    screens.drift = {
      ...centre,
      slack: read.required('/screens/drift/slack', form.drift_slack),
      threshold: read.required('/screens/drift/threshold', form.drift_threshold),
    };
  }
  if (Object.keys(screens).length === 0) return undefined;
  if (form.screens_alarm !== '') screens.alarm = form.screens_alarm;
  return screens;
}
