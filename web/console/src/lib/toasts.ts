/** A `warning` tells what takes effect only at the next start. */
export type ToastKind = 'done' | 'warning' | 'error';

export interface Toast {
  id: number;
  kind: ToastKind;
  lines: string[];
}

/** Messages on the screen at the most, beside the warning. */
const MOST = 4;

const LIFE_MS: Record<ToastKind, number | null> = { done: 4_000, warning: null, error: 15_000 };

/** How long a message stays by itself; `null` until it is closed. */
export function lifeMs(kind: ToastKind): number | null {
  return LIFE_MS[kind];
}

/** The messages with a newer one. All warnings stand in one, which no other message drives out. */
export function withToast(toasts: readonly Toast[], toast: Toast): Toast[] {
  const warnings = toasts.filter(({ kind }) => kind === 'warning');
  const others = toasts.filter(({ kind }) => kind !== 'warning');
  if (toast.kind !== 'warning') return [...warnings, ...others.slice(1 - MOST), toast];
  const lines = [...warnings, toast].flatMap((warning) => warning.lines);
  return [{ ...toast, lines: [...new Set(lines)] }, ...others];
}
