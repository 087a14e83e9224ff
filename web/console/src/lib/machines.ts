import type { MachineParameter, MachineView, Scalar } from '../api/types';
import { hasText, t, type TextKey } from '../text/text.svelte';

/** Words for a state or transition; one the console does not know is shown as it is. */
export function machineStateText(state: string): string {
  const key = `machine.state.${state}`;
  return hasText(key) ? t(key as TextKey) : state;
}

export function transitionText(transition: string): string {
  const key = `machine.do.${transition}`;
  return hasText(key) ? t(key as TextKey) : transition.replaceAll('_', ' ');
}

export function parameterText(name: string): string {
  const key = `parameter.${name}`;
  return hasText(key) ? t(key as TextKey) : name.replaceAll('_', ' ');
}

export function parameter(machine: MachineView, name: string): MachineParameter | undefined {
  return machine.parameters.find((candidate) => candidate.name === name);
}

export function numberOf(value: Scalar | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Why a value cannot be set, before the server is asked; `null` where it can. */
export function parameterRefusal(target: MachineParameter, value: Scalar | undefined): string | null {
  if (value === undefined) return t('write.invalid', { type: t(`type.${target.data_type}`) });
  if (typeof value === 'number') {
    if (target.low !== null && value < target.low) return t('parameter.toolow', { limit: target.low });
    if (target.high !== null && value > target.high) return t('parameter.toohigh', { limit: target.high });
  }
  return null;
}
