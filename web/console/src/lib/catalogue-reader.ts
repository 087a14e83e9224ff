/** Pause before the definitions are asked for again after a failure. */
const RETRY_MS = 5_000;
/** Shortest time between two reads of the definitions because of changes that the feed tells. */
const PAUSE_MS = 2_000;

export interface CatalogueSource {
  /** Version of the definitions; asked where the feed has not told one yet. */
  version(): Promise<string>;
  /** Reads the definitions and keeps them. */
  read(): Promise<void>;
  failed(error: unknown): void;
}

/**
 * Decides when the definitions of all tags are read: on demand, and soon after the feed tells another version than the
 * one that the last read began under. One read is under way at a time; what changes meanwhile leads to one more.
 */
export class CatalogueReader {
  readonly #source: CatalogueSource;
  /** Version that the feed told last. */
  #told: string | null = null;
  /** Version that the last read began under: what it brought is no older. */
  #readUnder: string | null = null;
  /** End of the last read, epoch ms. */
  #readAt = -Infinity;
  #reading = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: CatalogueSource) {
    this.#source = source;
  }

  /** The feed tells the version of the definitions. */
  tell(version: string): void {
    this.#told = version;
    // a read that is under way compares at its end
    if (!this.#reading && version !== this.#readUnder) this.soon();
  }

  /** Reads once for changes that come together. */
  soon(): void {
    if (this.#reading) this.#again = true;
    else this.#readIn(Math.max(0, PAUSE_MS - (Date.now() - this.#readAt)));
  }

  /** Reads unless that was done in the last `maxAgeMs`. */
  async unlessFresh(maxAgeMs: number): Promise<void> {
    if (!this.#reading && Date.now() - this.#readAt >= maxAgeMs) await this.now();
  }

  async now(): Promise<void> {
    if (this.#reading) {
      // what changes while the list is on its way may be in no page of it
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reading = true;
    this.#again = false;
    try {
      const version = this.#told ?? (await this.#source.version());
      await this.#source.read();
      this.#readUnder = version;
      this.#readAt = Date.now();
    } catch (error) {
      this.#source.failed(error);
      this.#readIn(RETRY_MS);
    } finally {
      this.#reading = false;
    }
    if (this.#again || (this.#told !== null && this.#told !== this.#readUnder)) this.#readIn(PAUSE_MS);
  }

  /** What is due already stays. */
  #readIn(pauseMs: number): void {
    this.#timer ??= setTimeout(() => void this.now(), pauseMs);
  }
}
