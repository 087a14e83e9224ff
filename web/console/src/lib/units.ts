/**
 * The one place where values change between the unit of their source, in which the server keeps, sends and takes them,
 * and the unit in which people see them.
 */
import type { DataType, Scalar, SourceValue, TagView } from '../api/types';
import type { TrendColumns } from '../live/trend-buffer';
import { decimalsForSpan } from './format';

/** What the conversion of a tag needs. */
export type Convertible = Pick<TagView, 'data_type' | 'unit' | 'display_unit' | 'display' | 'range'>;

/** Digits of a double that survive a conversion there and back. */
const SIGNIFICANT_DIGITS = 14;

/** Decimals of a float without a range, in its source unit. */
const FLOAT_DECIMALS = 2;

export function shownUnit(tag: Convertible): string | null {
  return tag.display ? tag.display_unit : tag.unit;
}

/** Whether what is shown is not what is written to the source. */
export function isConverted(tag: Convertible): boolean {
  return Boolean(tag.display);
}

/** A value of the source unit in the shown unit. */
export function toShown(tag: Convertible, value: number): number {
  if (!tag.display) return value;
  const { factor, offset } = tag.display;
  return rounded(value * factor + offset, Math.abs(value * factor) + Math.abs(offset));
}

/** A value of the shown unit in the source unit, without the noise that the division leaves. */
export function fromShown(tag: Convertible, value: number): number {
  if (!tag.display) return value;
  const { factor, offset } = tag.display;
  return rounded((value - offset) / factor, (Math.abs(value) + Math.abs(offset)) / Math.abs(factor));
}

/** As `toShown`; what is no number stays as it is. */
export function scalarToShown(tag: Convertible, value: Scalar): Scalar {
  return typeof value === 'number' ? toShown(tag, value) : value;
}

/** As `fromShown`; an integer is written as the nearest whole number. */
export function scalarFromShown(tag: Convertible, value: Scalar): Scalar {
  if (typeof value !== 'number' || !tag.display) return value;
  const source = fromShown(tag, value);
  return tag.data_type === 'integer' ? Math.round(source) : source;
}

/** What is sent for a value of the shown unit. */
export function sourceValue(tag: Convertible, value: Scalar): SourceValue {
  return { value: scalarFromShown(tag, value), unit: tag.unit ?? null };
}

/** What decides what a typed value means: where it is another one, so is the value. */
export function meaningOf(tag: Convertible): string {
  return JSON.stringify([tag.data_type, tag.unit, tag.display_unit, tag.display]);
}

export function shownRange(tag: Convertible): { low: number; high: number } | null {
  if (tag.range === null) return null;
  const ends = [toShown(tag, tag.range.low), toShown(tag, tag.range.high)] as const;
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

/** A converted integer has fractions. */
export function shownType(tag: Convertible): DataType {
  return tag.data_type === 'integer' && tag.display ? 'float' : tag.data_type;
}

/** Decimals of a shown value: from its range, else as fine as two of the source, and none for what is no float. */
export function shownDecimals(tag: Convertible | undefined): number {
  if (!tag) return FLOAT_DECIMALS;
  if (shownType(tag) !== 'float') return 0;
  const range = shownRange(tag);
  if (range) return decimalsForSpan(range.high - range.low);
  const source = tag.data_type === 'float' ? FLOAT_DECIMALS : 0;
  const finer = tag.display ? Math.ceil(-Math.log10(Math.abs(tag.display.factor)) - 1e-9) : 0;
  return Math.max(0, Math.min(6, source + finer));
}

/** The tag as its machine and its source see it. */
export function inSourceUnit<T extends Convertible>(tag: T): T {
  return tag.display ? { ...tag, display: null, display_unit: null } : tag;
}

/** Columns of a trend, one pen per tag, in the shown units. */
export function columnsToShown(tags: Convertible[], columns: TrendColumns): TrendColumns {
  if (!tags.some(isConverted)) return columns;
  return {
    t: columns.t,
    pens: columns.pens.map((pen, index) => {
      const tag = tags[index];
      if (!tag?.display) return pen;
      const convert = (column: (number | null)[]) => column.map((value) => (value === null ? null : toShown(tag, value)));
      const [low, high] = tag.display.factor < 0 ? [pen.high, pen.low] : [pen.low, pen.high];
      return { average: convert(pen.average), low: convert(low), high: convert(high) };
    }),
  };
}

/** * `magnitude`: of the numbers that `value` was computed from; digits far below it are noise. */
function rounded(value: number, magnitude: number): number {
  if (!Number.isFinite(value) || magnitude === 0) return value;
  const decimals = SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(magnitude));
  if (decimals > 100) return value;
  return decimals < 0 ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : Number(value.toFixed(decimals));
}
