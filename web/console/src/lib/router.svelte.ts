import { applyQuery, hrefOf, parseRoute, type PageName, type QueryChange, type Route } from './route';

/** Where the console is, as reactive state over the History API. */
export class Router {
  readonly scope: string;
  route: Route = $state.raw({ page: null, query: new URLSearchParams() });

  constructor(scope: string) {
    this.scope = scope;
    this.#read();
    window.addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#click(event));
  }

  get query(): URLSearchParams {
    return this.route.query;
  }

  href(page: PageName, change: QueryChange = {}): string {
    return hrefOf(this.scope, page, change);
  }

  go(page: PageName, change: QueryChange = {}): void {
    this.#push(this.href(page, change), false);
  }

  /** Changes parameters of the present page; typing and zooming replace the entry, choices push one. */
  set(change: QueryChange, options: { push?: boolean } = {}): void {
    const query = new URLSearchParams(location.search);
    applyQuery(query, change);
    const suffix = query.size > 0 ? `?${query}` : '';
    if (suffix === location.search) return;
    this.#push(location.pathname + suffix, !options.push);
  }

  #push(href: string, replace: boolean): void {
    if (replace) history.replaceState(null, '', href);
    else history.pushState(null, '', href);
    this.#read();
  }

  #read(): void {
    this.route = parseRoute(this.scope, new URL(location.href));
  }

  /** Plain clicks on links within the scope stay in the page. */
  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element | null)?.closest?.('a');
    if (!anchor || anchor.target || anchor.hasAttribute('download')) return;
    const url = new URL(anchor.href, location.href);
    if (url.origin !== location.origin || parseRoute(this.scope, url).page === null) return;
    event.preventDefault();
    this.#push(url.pathname + url.search, url.href === location.href);
  }
}
