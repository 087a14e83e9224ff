import { asProblem, problemOf } from './problem';
import type {
  AckResult,
  AlarmView,
  HealthView,
  HistoryColumns,
  JournalEntry,
  MachineView,
  Page,
  Scalar,
  TagView,
} from './types';

type Query = Record<string, string | number | boolean | null | undefined>;

/** Longest wait for an answer; a device write may take the server's own deadline. */
const TIMEOUT_MS = 15_000;
const PAGE_LIMIT = 1000;

export interface AckOptions {
  by?: string;
  comment?: string;
}

/** Typed client of `<scope>api/v1`. Every failure is thrown as a `Problem`. */
export class Api {
  readonly root: string;

  /** * `scope`: path of the console, ending in a slash. */
  constructor(scope: string) {
    this.root = `${scope}api/v1`;
  }

  /** All tags, page by page; `onPage` sees the list grow. */
  async allTags(query: Query = {}, onPage?: (tags: TagView[]) => void): Promise<TagView[]> {
    const tags: TagView[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<TagView> = await this.#get('/tags', { ...query, limit: PAGE_LIMIT, cursor });
      tags.push(...page.items);
      cursor = page.next_cursor;
      onPage?.(tags);
    } while (cursor !== null);
    return tags;
  }

  tag(id: number): Promise<TagView> {
    return this.#get(`/tags/${id}`);
  }

  writeTag(id: number, value: Scalar): Promise<TagView> {
    return this.#send('POST', `/tags/${id}/write`, { value });
  }

  /** History of tags as shared columns. * `from`, `to`: epoch milliseconds. */
  history(ids: number[], from: number, to: number, maxPoints: number, signal?: AbortSignal): Promise<HistoryColumns> {
    const query = {
      tags: ids.join(','),
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      max_points: maxPoints,
      agg: 'minmax',
    };
    return this.#get('/history', query, signal);
  }

  acknowledge(id: number, options: AckOptions): Promise<AlarmView> {
    return this.#send('POST', `/alarms/${id}/ack`, options);
  }

  acknowledgeMany(ids: number[], options: AckOptions): Promise<AckResult> {
    return this.#send('POST', '/alarms/ack', { ids, ...options });
  }

  journal(query: { alarm?: number; cursor?: string | null; limit?: number }): Promise<Page<JournalEntry>> {
    return this.#get('/alarms/journal', query);
  }

  transition(machine: number, transition: string): Promise<MachineView> {
    return this.#send('POST', `/machines/${machine}/transitions`, { transition });
  }

  setParameters(machine: number, patch: Record<string, Scalar>): Promise<MachineView> {
    return this.#send('PATCH', `/machines/${machine}/parameters`, patch);
  }

  health(): Promise<HealthView> {
    return this.#get('/health');
  }

  #get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
    }
    const suffix = search.size > 0 ? `?${search}` : '';
    return this.#fetch(path + suffix, { method: 'GET' }, signal);
  }

  #send<T>(method: string, path: string, body: unknown): Promise<T> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.#fetch(path, { method, headers: { 'content-type': type }, body: JSON.stringify(body) });
  }

  async #fetch<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await fetch(this.root + path, {
        ...init,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw asProblem(error);
    }
    if (!response.ok) throw await problemOf(response);
    try {
      return (await response.json()) as T;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw asProblem(error);
    }
  }
}
