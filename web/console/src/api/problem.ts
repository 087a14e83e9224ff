import type { ProblemBody } from './types';

/** A request that did not succeed: the server's problem document, or a local one when no answer came. */
export class Problem extends Error {
  readonly body: ProblemBody;

  constructor(body: ProblemBody) {
    super(body.title);
    this.name = 'Problem';
    this.body = body;
  }

  /** Sentences for the user, most specific first: field errors, else the detail, else the title. */
  get lines(): string[] {
    const fields = (this.body.errors ?? []).map((error) =>
      error.pointer ? `${error.pointer.replace(/^[#/]+/, '')}: ${error.detail}` : error.detail,
    );
    const head = this.body.detail || this.body.title;
    return fields.length > 0 ? [...new Set([head, ...fields])] : [head];
  }

  get code(): string {
    return this.body.code;
  }
}

/** Whether the server refuses with this code. */
export function isRefusal(error: unknown, code: string): boolean {
  return error instanceof Problem && error.code === code;
}

/** Reads a failed response; anything that is not a problem document still becomes one. */
export async function problemOf(response: Response): Promise<Problem> {
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('json')) {
    try {
      const body = (await response.json()) as Partial<ProblemBody>;
      return new Problem({
        ...body,
        title: body.title ?? `HTTP ${response.status}`,
        status: body.status ?? response.status,
        code: body.code ?? 'unknown',
      });
    } catch {
      // falls through: a broken body is reported by its status
    }
  }
  return new Problem({
    title: `HTTP ${response.status} ${response.statusText}`.trim(),
    status: response.status,
    code: 'unknown',
  });
}

/** Any thrown value as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
  return new Problem({
    title: timedOut ? 'the server did not answer in time' : 'the server could not be reached',
    status: 0,
    code: timedOut ? 'deadline' : 'unreachable',
    detail: null,
  });
}
