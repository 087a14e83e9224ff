import type { Page } from '../api/types';

const REFRESH_MS = 5_000;

/** A list of the server that grows page by page, newest first, as reactive state. */
export class Paged<T> {
  items: T[] | null = $state.raw(null);
  /** Whether there are older ones. */
  more = $state(false);
  problem: unknown = $state.raw(null);
  /** Older ones are being read. */
  busy = $state(false);

  #cursor: string | null = null;
  #pages = 1;
  #read: ((cursor: string | null) => Promise<Page<T>>) | null = null;
  /** Counts what was asked; an answer to an earlier question is dropped. */
  #asked = 0;

  /** Begins anew and reads the first page, and again as long as it is all that is shown. * Reply: how to end that. */
  begin(read: (cursor: string | null) => Promise<Page<T>>): () => void {
    const asked = ++this.#asked;
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.#read = read;
    this.#pages = 1;
    this.items = null;
    this.more = false;
    this.busy = false;
    this.problem = null;
    const first = async () => {
      try {
        const page = this.#pages === 1 ? await read(null) : null;
        if (asked !== this.#asked) return;
        if (page && this.#pages === 1) {
          this.#take(page, page.items);
          this.problem = null;
        }
      } catch (error) {
        if (asked !== this.#asked) return;
        this.problem = error;
      }
      timer = setTimeout(() => void first(), REFRESH_MS);
    };
    void first();
    return () => {
      if (asked === this.#asked) this.#asked += 1;
      clearTimeout(timer);
    };
  }

  async older(): Promise<void> {
    if (this.busy || this.#cursor === null || this.#read === null) return;
    const asked = this.#asked;
    this.busy = true;
    // from now on the first page alone would no longer be all
    this.#pages += 1;
    try {
      const page = await this.#read(this.#cursor);
      if (asked !== this.#asked) return;
      this.#take(page, [...(this.items ?? []), ...page.items]);
      this.problem = null;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#pages -= 1;
      this.problem = error;
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }

  #take(page: Page<T>, items: T[]): void {
    this.items = items;
    this.#cursor = page.next_cursor;
    this.more = page.next_cursor !== null;
  }
}
