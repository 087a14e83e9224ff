import type { ProblemBody } from '../api/types';
import type { FieldErrors } from './tag-form';

/** `filter.lag.time_constant_ms`, `#/filter/…` and `/filter/…` name the same field. */
function normalised(pointer: string): string {
  return `/${pointer.replace(/^[#/]+/, '').replaceAll('.', '/')}`;
}

/**
 * Which of the `fields` on the screen an error stands beside: that of its pointer, else the nearest one that holds it,
 * else the first that it holds; `null` where there is none.
 */
export function fieldFor(pointer: string, fields: readonly string[]): string | null {
  const wanted = normalised(pointer);
  for (let path = wanted; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
    if (fields.includes(path)) return path;
  }
  return fields.find((field) => field.startsWith(`${wanted}/`)) ?? null;
}

/** Sorts the errors of a problem to the fields on the screen; what has no field there is left for the whole form. */
export function placeErrors(errors: ProblemBody['errors'], fields: readonly string[]): { beside: FieldErrors; left: string[] } {
  const beside: FieldErrors = {};
  const left: string[] = [];
  for (const { pointer, detail } of errors ?? []) {
    const field = pointer === undefined ? null : fieldFor(pointer, fields);
    if (field === null) left.push(pointer ? `${pointer}: ${detail}` : detail);
    else beside[field] = field in beside ? `${beside[field]}; ${detail}` : detail;
  }
  return { beside, left };
}

export interface LineError {
  line: number | null;
  column: number | null;
  detail: string;
}

/** Errors of a plant file: `/line/7/column/3` is a place in it. */
export function lineErrors(errors: ProblemBody['errors']): LineError[] {
  return (errors ?? []).map(({ pointer = '', detail }) => {
    const match = /^\/line\/(\d+)(?:\/column\/(\d+))?/.exec(pointer);
    if (!match) return { line: null, column: null, detail: pointer ? `${pointer}: ${detail}` : detail };
    return { line: Number(match[1]), column: match[2] ? Number(match[2]) : null, detail };
  });
}

/** A line of a text with a caret below the place; `null` where the text has no such line. */
export function caretUnder(line: string | undefined, column: number): string | null {
  if (line === undefined) return null;
  const before = [...line].slice(0, Math.max(0, column - 1));
  // tabs stay, so that the caret stands where the character is
  const indent = before.map((character) => (character === '\t' ? '\t' : ' ')).join('');
  return `${line}\n${indent}^`;
}

/** The place of an expression's error. * `position`: column from 1, over all lines, in characters. */
export function caretInExpression(expression: string, position: number): string {
  let left = Math.max(1, position);
  const lines = expression.split('\n');
  for (const [index, line] of lines.entries()) {
    const length = [...line].length + 1;
    if (left <= length || index === lines.length - 1) {
      const marked = caretUnder(line, Math.min(left, length)) ?? '';
      return [...lines.slice(0, index), marked, ...lines.slice(index + 1)].join('\n');
    }
    left -= length;
  }
  return expression;
}
