import { getContext, setContext } from 'svelte';

/** What the fields of a form share: where their errors are. */
export interface FormState {
  /** What is wrong with the field of this pointer; follows the errors where it is read in a template. */
  error(pointer: string): string | undefined;
  /** The user changes the field: what was wrong with it is old. */
  clear(pointer: string): void;
  /** Says that the field is on the screen; returns how to take it back. */
  register(pointer: string): () => void;
}

const KEY = Symbol('form');

export function offerForm(form: FormState): void {
  setContext(KEY, form);
}

export function useForm(): FormState {
  return getContext<FormState>(KEY);
}
