import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api } from './client';
import { isRefusal } from './problem';

const api = new Api('/');

function answer(status: number, body: unknown = null, headers: Record<string, string> = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  const response = new Response(body === null ? null : JSON.stringify(body), { status, headers: { 'content-type': type, ...headers } });
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => response);
  vi.stubGlobal('fetch', fetch);
  return () => {
    const [url, init] = fetch.mock.calls[0]!;
    return { url, method: init.method, headers: new Headers(init.headers), body: init.body as string };
  };
}

afterEach(() => vi.unstubAllGlobals());

describe('client', () => {
  it('sends the unit with a value that is written or substituted', async () => {
    let sent = answer(200, {});
    await api.writeTag(7, { value: 5, unit: 'cm' });
    expect(sent()).toMatchObject({ url: '/api/v1/tags/7/write', body: '{"value":5,"unit":"cm"}' });
    sent = answer(200, {});
    await api.substitute(7, { value: true, unit: null }, 'repair');
    expect(JSON.parse(sent().body)).toEqual({ value: true, unit: null, reason: 'repair' });
  });

  it('tells a unit that is no longer the tag\'s from other refusals', async () => {
    answer(409, { title: 'conflict', status: 409, code: 'unit_changed' });
    const error: unknown = await api.writeTag(7, { value: 5, unit: 'cm' }).catch((caught: unknown) => caught);
    expect(isRefusal(error, 'unit_changed')).toBe(true);
    expect(isRefusal(error, 'substituted')).toBe(false);
    expect(isRefusal(new Error('unit_changed'), 'unit_changed')).toBe(false);
  });

  it('applies a file to the plant that it was planned for', async () => {
    answer(200, { empty: true }, { etag: '"v7"' });
    const { body, etag } = await api.planFile('[plant]', 'application/toml');
    expect([body, etag]).toEqual([{ empty: true }, '"v7"']);
    const sent = answer(200, { empty: true });
    await api.applyFile('[plant]', 'application/toml', etag);
    expect(sent().url).toBe('/api/v1/plant/apply');
    expect([...sent().headers]).toEqual([['content-type', 'application/toml'], ['if-match', '"v7"']]);
    answer(200, {});
    await expect(api.planFile('', 'text/csv')).rejects.toMatchObject({ code: 'no_etag' });
  });

  it('parts a tag from what takes effect only at the next start', async () => {
    answer(201, { id: 3, name: 't', problems: ['the link does not subscribe it'] });
    expect(await api.createTag({ name: 't' })).toEqual({ body: { id: 3, name: 't' }, problems: ['the link does not subscribe it'] });
    const sent = answer(200, { id: 3, name: 't' });
    expect(await api.changeTag(3, { unit: 'm' }, '"v1"')).toEqual({ body: { id: 3, name: 't' }, problems: [] });
    expect(sent().headers.get('if-match')).toBe('"v1"');
    answer(204);
    expect(await api.deleteTag(3, '"v2"')).toEqual([]);
    answer(200, { problems: ['it is read until then'] });
    expect(await api.deleteTag(3, '"v2"')).toEqual(['it is read until then']);
  });

  it('commands an alarm, and asks for occurrences without what is not given', async () => {
    let sent = answer(200, {});
    await api.commandAlarm(4, { command: 'shelve', seconds: 900, one_shot: true, reason: 'cleaning', by: 'ann' });
    expect(sent()).toMatchObject({ url: '/api/v1/alarms/4/commands', method: 'POST' });
    expect(JSON.parse(sent().body)).toEqual({ command: 'shelve', seconds: 900, one_shot: true, reason: 'cleaning', by: 'ann' });
    sent = answer(200, { items: [], next_cursor: null });
    await api.occurrences({ from: 'now-8h', alarm: undefined, cursor: null, limit: 100 });
    expect(sent().url).toBe('/api/v1/alarms/occurrences?from=now-8h&limit=100');
    sent = answer(200, { ok: true, checked: 3, head: null, problem: null });
    expect(await api.verifyJournal()).toMatchObject({ ok: true, checked: 3 });
    expect(sent()).toMatchObject({ url: '/api/v1/alarms/journal/verification', method: 'GET' });
  });
});
