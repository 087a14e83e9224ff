import type { Api } from '../api/client';
import type { Plan, PlantFileType, Versioned } from '../api/definition';
import { isRefusal } from '../api/problem';

export interface PlantFile {
  name: string;
  type: PlantFileType;
  content: string;
}

/** What was done, or the plan for a plant that turned out to be another one: nothing was done then. */
export type Applied = { done: Plan } | { again: Versioned<Plan> };

/** Applies a file to the plant that it was planned for. * `etag`: version of that plant. */
export async function applyPlanned(api: Pick<Api, 'planFile' | 'applyFile'>, file: PlantFile, etag: string): Promise<Applied> {
  try {
    return { done: await api.applyFile(file.content, file.type, etag) };
  } catch (error) {
    if (!isRefusal(error, 'changed_meanwhile')) throw error;
    return { again: await api.planFile(file.content, file.type) };
  }
}
