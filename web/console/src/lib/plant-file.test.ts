import { describe, expect, it, vi } from 'vitest';
import type { Plan } from '../api/definition';
import { Problem } from '../api/problem';
import { applyPlanned } from './plant-file';

const FILE = { name: 'plant.toml', type: 'application/toml', content: '[plant]' } as const;
const plan = (added: number) => ({ empty: false, added }) as Plan;
const refusal = (status: number, code: string) => new Problem({ title: code, status, code });

function server(apply: () => Promise<Plan>) {
  return {
    planFile: vi.fn(async (_content: string, _type: string) => ({ body: plan(2), etag: '"v2"' })),
    applyFile: vi.fn(async (_content: string, _type: string, _etag: string) => apply()),
  };
}

describe('a plant file', () => {
  it('is applied to the plant that it was planned for', async () => {
    const api = server(async () => plan(1));
    expect(await applyPlanned(api, FILE, '"v1"')).toEqual({ done: plan(1) });
    expect(api.applyFile.mock.calls).toEqual([['[plant]', 'application/toml', '"v1"']]);
    expect(api.planFile).not.toHaveBeenCalled();
  });

  it('is planned again, and not applied, where the plant was changed meanwhile', async () => {
    const api = server(() => Promise.reject(refusal(412, 'changed_meanwhile')));
    expect(await applyPlanned(api, FILE, '"v1"')).toEqual({ again: { body: plan(2), etag: '"v2"' } });
    expect(api.applyFile).toHaveBeenCalledOnce();
  });

  it('is not planned again after another refusal', async () => {
    const api = server(() => Promise.reject(refusal(422, 'invalid_unit')));
    await expect(applyPlanned(api, FILE, '"v1"')).rejects.toMatchObject({ code: 'invalid_unit' });
    expect(api.planFile).not.toHaveBeenCalled();
  });
});
