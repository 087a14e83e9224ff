import type {
  Agreed,
  DefinitionView,
  ExportFormat,
  ExpressionCheck,
  Plan,
  PlantFileType,
  Quantity,
  TagDefinition,
  Versioned,
} from './definition';
import type { MergePatch } from './merge-patch';
import { asProblem, Problem, problemOf } from './problem';
import type {
  AckResult,
  AlarmCommand,
  AlarmView,
  DataType,
  HealthView,
  HistoryColumns,
  JournalEntry,
  JournalVerification,
  MachineView,
  Occurrence,
  Page,
  Scalar,
  SourceValue,
  TagView,
} from './types';

type Query = Record<string, string | number | boolean | null | undefined>;

/** Longest wait for an answer; a device write may take the server's own deadline. */
const TIMEOUT_MS = 15_000;
/** Longest wait for a plan of a whole plant. */
const PLAN_TIMEOUT_MS = 60_000;
/** Longest wait for a walk through the whole journal. */
const VERIFICATION_TIMEOUT_MS = 120_000;
const PAGE_LIMIT = 1000;

export interface AckOptions {
  by?: string;
  comment?: string;
}

export interface OccurrenceQuery {
  alarm?: number;
  from: string;
  to?: string;
  cursor?: string | null;
  limit?: number;
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

  writeTag(id: number, value: SourceValue): Promise<TagView> {
    return this.#send('POST', `/tags/${id}/write`, value);
  }

  /** Puts a value in place of what the device says. */
  substitute(id: number, value: SourceValue, reason: string): Promise<TagView> {
    return this.#send('POST', `/tags/${id}/substitute`, { ...value, reason });
  }

  release(id: number): Promise<TagView> {
    return this.#fetch(`/tags/${id}/substitute`, { method: 'DELETE' });
  }

  async units(): Promise<Quantity[]> {
    const { quantities } = await this.#get<{ quantities: Quantity[] }>('/units');
    return quantities;
  }

  /** Definition of a tag, with the version that a change or a deletion must name. */
  async definition(id: number): Promise<Versioned<DefinitionView>> {
    return versioned(await this.#request(`/tags/${id}/definition`, { method: 'GET' }));
  }

  async createTag(definition: TagDefinition): Promise<Agreed<TagView>> {
    return agreed(await this.#send('POST', '/tags', definition));
  }

  /** * `etag`: version of the definition that the patch was made from. */
  async changeTag(id: number, patch: MergePatch, etag: string): Promise<Agreed<TagView>> {
    return agreed(await this.#send('PATCH', `/tags/${id}`, patch, { 'if-match': etag }));
  }

  /** What the patch would change; nothing is done. */
  planChange(id: number, patch: MergePatch, etag: string): Promise<Plan> {
    return this.#send('PATCH', `/tags/${id}?dry_run=true`, patch, { 'if-match': etag });
  }

  /** * Reply: what takes effect only at the next start, a sentence each. */
  async deleteTag(id: number, etag: string): Promise<string[]> {
    const response = await this.#request(`/tags/${id}`, { method: 'DELETE', headers: { 'if-match': etag } });
    if (response.status === 204) return [];
    return agreed(await json<{ problems?: string[] }>(response)).problems;
  }

  checkExpression(expression: string, dataType: DataType, signal: AbortSignal): Promise<ExpressionCheck> {
    const init = jsonRequest('POST', { expression, data_type: dataType });
    return this.#fetch('/expressions/check', init, signal);
  }

  /** Address of a plant file to download. */
  exportUrl(format: ExportFormat): string {
    return `${this.root}/plant/export?format=${format}`;
  }

  /** What the file would change, with the version of the plant that this was compared with; nothing is done. */
  async planFile(content: string, type: PlantFileType): Promise<Versioned<Plan>> {
    return versioned(await this.#sendFile('/plant/plan', content, type));
  }

  /** * `etag`: version of the plant that the plan was made for. */
  async applyFile(content: string, type: PlantFileType, etag: string): Promise<Plan> {
    return json(await this.#sendFile('/plant/apply', content, type, { 'if-match': etag }));
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

  commandAlarm(id: number, command: AlarmCommand): Promise<AlarmView> {
    return this.#send('POST', `/alarms/${id}/commands`, command);
  }

  /** * `from`, `to`: RFC 3339; without `to` up to now. */
  occurrences(query: OccurrenceQuery): Promise<Page<Occurrence>> {
    return this.#get('/alarms/occurrences', { ...query });
  }

  async verifyJournal(): Promise<JournalVerification> {
    return json(await this.#request('/alarms/journal/verification', { method: 'GET' }, undefined, VERIFICATION_TIMEOUT_MS));
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

  #send<T>(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    return this.#fetch(path, jsonRequest(method, body, headers));
  }

  #sendFile(path: string, content: string, type: PlantFileType, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: 'POST', headers: { 'content-type': type, ...headers }, body: content };
    return this.#request(path, init, undefined, PLAN_TIMEOUT_MS);
  }

  async #fetch<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
    return json<T>(await this.#request(path, init, signal), signal);
  }

  async #request(path: string, init: RequestInit, signal?: AbortSignal, timeoutMs = TIMEOUT_MS): Promise<Response> {
    const timeout = AbortSignal.timeout(timeoutMs);
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
    return response;
  }
}

function jsonRequest(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return { method, headers: { 'content-type': type, ...headers }, body: JSON.stringify(body) };
}

async function json<T>(response: Response, signal?: AbortSignal): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw asProblem(error);
  }
}

async function versioned<T>(response: Response): Promise<Versioned<T>> {
  const etag = response.headers.get('etag');
  if (etag === null) throw new Problem({ title: 'the answer has no version', status: response.status, code: 'no_etag' });
  return { body: await json<T>(response), etag };
}

/** Parts an answer from what its change leaves to the next start. */
function agreed<T extends object>({ problems, ...body }: T & { problems?: string[] }): Agreed<T> {
  return { body: body as unknown as T, problems: problems ?? [] };
}
