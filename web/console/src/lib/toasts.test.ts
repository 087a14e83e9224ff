import { describe, expect, it } from 'vitest';
import { lifeMs, withToast, type Toast, type ToastKind } from './toasts';

let id = 0;
const toast = (kind: ToastKind, ...lines: string[]): Toast => ({ id: ++id, kind, lines });
const told = (toasts: Toast[]) => toasts.map(({ kind, lines }) => [kind, ...lines]);

describe('messages', () => {
  it('make room for newer ones', () => {
    const five = ['a', 'b', 'c', 'd', 'e'].reduce<Toast[]>((toasts, line) => withToast(toasts, toast('done', line)), []);
    expect(told(five)).toEqual([['done', 'b'], ['done', 'c'], ['done', 'd'], ['done', 'e']]);
  });

  it('leave a warning until it is closed', () => {
    expect(lifeMs('warning')).toBeNull();
    let toasts = withToast([], toast('warning', 'w'));
    for (const line of ['a', 'b', 'c', 'd', 'e']) toasts = withToast(toasts, toast('error', line));
    expect(told(toasts)).toEqual([['warning', 'w'], ['error', 'b'], ['error', 'c'], ['error', 'd'], ['error', 'e']]);
  });

  it('gather warnings in one, each sentence once', () => {
    const first = withToast([toast('done', 'a')], toast('warning', 'v', 'w'));
    const both = withToast(first, toast('warning', 'w', 'x'));
    expect(told(both)).toEqual([['warning', 'v', 'w', 'x'], ['done', 'a']]);
    expect(both[0]!.id).not.toBe(first[0]!.id);
  });
});
