import type { DataType, Scalar, TagView } from '../api/types';

/** Shared formatters by number of decimals; building one per value is what makes tables slow. */
const fixed = Array.from(
  { length: 7 },
  (_, decimals) =>
    new Intl.NumberFormat('en', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      useGrouping: false,
    }),
);
const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clockFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export function formatNumber(value: number, decimals: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e9 || (magnitude > 0 && magnitude < 1e-5)) return value.toExponential(3);
  return fixed[Math.max(0, Math.min(6, decimals))]!.format(value);
}

/** Whole counts, with thousands separated. */
export function formatCount(value: number): string {
  return grouped.format(value).replaceAll(',', '\u202f');
}

/** Decimals that show about three or four significant digits over a span of values. */
export function decimalsForSpan(span: number): number {
  if (!(span > 0)) return 2;
  return Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(span) + 1e-9)));
}

/** Fewest decimals that tell the ticks of an axis apart exactly: 0.25 needs two. */
export function decimalsForStep(step: number): number {
  for (let decimals = 0; decimals < 6; decimals += 1) {
    const scaled = Math.abs(step) * 10 ** decimals;
    if (scaled >= 0.999 && Math.abs(scaled - Math.round(scaled)) < 1e-6) return decimals;
  }
  return 6;
}

/** Decimals for a tag: from its range, else two for floats and none for the rest. */
export function decimalsOf(tag: Pick<TagView, 'data_type' | 'range'> | undefined): number {
  if (!tag) return 2;
  if (tag.data_type !== 'float') return 0;
  return tag.range ? decimalsForSpan(tag.range.high - tag.range.low) : 2;
}

export function formatScalar(value: Scalar, type: DataType, decimals: number): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string') return value;
  return type === 'integer' ? String(value) : formatNumber(value, decimals);
}

/** A limit or a value at an event: at most three decimals, without trailing zeros. */
export function formatLimit(value: Scalar | undefined): string {
  if (typeof value === 'number') return String(Math.round(value * 1000) / 1000);
  return value === null || value === undefined ? '' : String(value);
}

const pad = (value: number) => String(value).padStart(2, '0');

/** `2026-11-22 17:04:05`, 24 h, this browser's time zone. */
export function formatDateTime(time: number | string | null | undefined): string {
  if (time === null || time === undefined) return '–';
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '–';
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${formatClock(date)}`;
}

/** Reads `2026-11-22 17:04` or with seconds, this browser's time zone, to epoch ms; `NaN` for anything else. */
export function parseDateTime(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)$/.exec(text.trim());
  return match ? Date.parse(`${match[1]}T${match[2]}`) : Number.NaN;
}

/** `17:04:05` today, else with the date. */
export function formatTime(time: string | number | null | undefined, now: number): string {
  if (time === null || time === undefined) return '–';
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '–';
  if (date.toDateString() === new Date(now).toDateString()) return formatClock(date);
  return formatDateTime(date.getTime());
}

export function formatClock(date: Date): string {
  return clockFormat.format(date);
}

/** Age in its two largest units: `4 s`, `3 min 12 s`, `5 h 2 min`, `3 d 4 h`. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A setting in ms, in the unit that it is round in: `250 ms`, `2.5 s`, `10 min`, `2 h`. */
export function formatSpanMs(ms: number): string {
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}

/** Reads what a user typed for a tag or parameter; `undefined` when it is no value of the type. */
export function parseInput(text: string, type: DataType): Scalar | undefined {
  const trimmed = text.trim();
  switch (type) {
    case 'text':
      return text;
    case 'boolean':
      if (/^(1|true|on)$/i.test(trimmed)) return true;
      return /^(0|false|off)$/i.test(trimmed) ? false : undefined;
    case 'integer':
      return /^[+-]?\d+$/.test(trimmed) && Number.isSafeInteger(Number(trimmed)) ? Number(trimmed) : undefined;
    case 'float': {
      const number = Number(trimmed.replace(',', '.'));
      return trimmed !== '' && Number.isFinite(number) ? number : undefined;
    }
  }
}
