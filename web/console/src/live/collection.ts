import { onNextFrame, type Schedule } from './frame';
import type { Topic } from './protocol';
import type { LiveSocket } from './socket';

/** Items of a state-like topic by key, told to one listener at most once per frame. */
export class Collection<T> {
  readonly #items = new Map<number, T>();
  readonly #keyOf: (item: T) => number;
  readonly #onChange: (items: T[]) => void;
  readonly #schedule: Schedule;
  #acks: (() => void)[] = [];
  #scheduled = false;

  constructor(keyOf: (item: T) => number, onChange: (items: T[]) => void, schedule: Schedule = onNextFrame) {
    this.#keyOf = keyOf;
    this.#onChange = onChange;
    this.#schedule = schedule;
  }

  /** Follows `topic` for as long as the page lives. */
  follow(socket: LiveSocket, topic: Topic): void {
    socket.subscribe(
      { topic },
      {
        snapshot: (frame) => {
          this.#items.clear();
          this.merge((frame.items ?? []) as T[]);
        },
        delta: (frame, ack) => {
          this.#acks.push(ack);
          this.merge((frame.items ?? []) as T[], frame.removed);
        },
      },
    );
  }

  /** Takes newer versions of some items, from the feed or from the answer to a command, and forgets `removed`. */
  merge(items: T[], removed: number[] = []): void {
    for (const item of items) this.#items.set(this.#keyOf(item), item);
    for (const id of removed) this.#items.delete(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const acks = this.#acks;
    this.#acks = [];
    this.#onChange([...this.#items.values()]);
    for (const ack of acks) ack();
  }
}
