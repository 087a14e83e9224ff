/**
 * Paths of the console. One build works under any scope of a host application ("/", "/plant/"), without a `<base>`:
 *
 * - `index.html` names its scripts relatively (`./assets/…`), so a page must be exactly one segment below the scope.
 *   That is the rule of the paths: `<scope>` is the overview, `<scope><page>` any other page, and everything else
 *   (which tag, which filter) goes into the query. Tag names may hold slashes, so they belong there anyway.
 * - The scope itself is where the entry script was loaded from, one folder up: `<scope>assets/index-….js`.
 */
export const PAGES = ['overview', 'tags', 'trends', 'alarms', 'machines', 'about'] as const;
export type PageName = (typeof PAGES)[number];

export type QueryChange = Record<string, string | string[] | null | undefined>;

export interface Route {
  /** `null` for a path that names no page. */
  page: PageName | null;
  query: URLSearchParams;
}

/** Path of the scope, ending in a slash. * `scriptUrl`: `import.meta.url` of the entry script. */
export function scopeOf(scriptUrl: string): string {
  return new URL('../', scriptUrl).pathname;
}

export function parseRoute(scope: string, url: URL): Route {
  const path = url.pathname;
  const rest = path.startsWith(scope) ? path.slice(scope.length) : path === scope.slice(0, -1) ? '' : null;
  const query = url.searchParams;
  if (rest === '' || rest === 'index.html') return { page: 'overview', query };
  const page = PAGES.find((candidate) => candidate === rest && candidate !== 'overview');
  return { page: page ?? null, query };
}

/** Path and query of a page; `null`, `undefined`, empty texts and empty lists leave a parameter out. */
export function hrefOf(scope: string, page: PageName, change: QueryChange = {}): string {
  const query = new URLSearchParams();
  applyQuery(query, change);
  const path = scope + (page === 'overview' ? '' : page);
  return query.size > 0 ? `${path}?${query}` : path;
}

/** Sets parameters in place; a list sets a repeated parameter. */
export function applyQuery(query: URLSearchParams, change: QueryChange): void {
  for (const [name, value] of Object.entries(change)) {
    query.delete(name);
    if (Array.isArray(value)) for (const item of value) query.append(name, item);
    else if (value !== null && value !== undefined && value !== '') query.set(name, value);
  }
}

/** Address of the live feed for a page of the same origin. */
export function socketUrl(scope: string, page: URL): string {
  return `${page.protocol === 'https:' ? 'wss:' : 'ws:'}//${page.host}${scope}api/v1/ws`;
}
