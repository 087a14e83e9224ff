import { createSubscriber } from 'svelte/reactivity';
import { Api } from '../api/client';
import { asProblem, Problem } from '../api/problem';
import type { Quantity } from '../api/definition';
import type { AlarmView, HealthView, LinkView, MachineView, TagView } from '../api/types';
import { Collection } from '../live/collection';
import { LiveSocket, type ConnectionStatus } from '../live/socket';
import { TagStore, type TagCell } from '../live/tag-store';
import { compareAttention, isUnacknowledged } from './alarms';
import { mergeCatalogue, withTag } from './catalogue';
import { CatalogueReader } from './catalogue-reader';
import { socketUrl } from './route';
import { lifeMs, withToast, type Toast, type ToastKind } from './toasts';

/** Definitions are read again when the page of tags is opened later than this. */
const CATALOGUE_STALE_MS = 60_000;

/** Everything the console knows of the plant, as reactive state over the live-data core. */
export class Plant {
  readonly api: Api;
  readonly socket: LiveSocket;
  readonly tags: TagStore;
  connection: ConnectionStatus = $state.raw()!;
  /** Server time, epoch ms, moving once a second. */
  now: number = $state(Date.now());
  health: HealthView | null = $state.raw(null);
  alarms: AlarmView[] | null = $state.raw(null);
  machines: MachineView[] | null = $state.raw(null);
  links: LinkView[] | null = $state.raw(null);
  catalogue: TagView[] | null = $state.raw(null);
  catalogueProblem: Problem | null = $state.raw(null);
  toasts: Toast[] = $state.raw([]);

  readonly tagById: Map<number, TagView> = $derived(new Map((this.catalogue ?? []).map((tag) => [tag.id, tag])));
  readonly tagByName: Map<string, TagView> = $derived(new Map((this.catalogue ?? []).map((tag) => [tag.name, tag])));
  readonly unacknowledged: AlarmView[] = $derived(
    (this.alarms ?? []).filter(isUnacknowledged).sort(compareAttention),
  );

  readonly #alarms: Collection<AlarmView>;
  readonly #machines: Collection<MachineView>;
  readonly #catalogueReader = new CatalogueReader({
    version: async () => (await this.api.health()).definition,
    read: () => this.#readCatalogue(),
    failed: (error) => (this.catalogueProblem = asProblem(error)),
  });
  #units: Promise<Quantity[]> | null = null;
  #nextToast = 1;

  constructor(scope: string) {
    this.api = new Api(scope);
    this.socket = new LiveSocket(socketUrl(scope, new URL(location.href)));
    this.tags = new TagStore(this.socket);
    this.connection = this.socket.status;
    this.#alarms = new Collection<AlarmView>((alarm) => alarm.id, (items) => (this.alarms = items));
    this.#machines = new Collection<MachineView>((machine) => machine.id, (items) => (this.machines = items));
    this.#alarms.follow(this.socket, 'alarms');
    this.#machines.follow(this.socket, 'machines');
    new Collection<LinkView>((link) => link.id, (items) => (this.links = items)).follow(this.socket, 'links');
    new Collection<HealthView>(() => 0, (items) => this.#takeHealth(items[0] ?? null)).follow(this.socket, 'health');
    this.socket.onRefusal((problem) => this.say('error', new Problem(problem).lines));
    this.socket.onStatus((status) => (this.connection = status));
    this.socket.onEpochChange(() => void this.loadCatalogue(true));
    this.tags.onResync(() => this.#catalogueReader.soon());
    setInterval(() => (this.now = this.#serverNow()), 1000);
    window.addEventListener('online', () => this.socket.retryNow());
    this.socket.connect();
    void this.loadCatalogue(true);
  }

  /** True while values on the screen are up to date. */
  get online(): boolean {
    return this.connection.state === 'open';
  }

  serverNow(): number {
    return this.#serverNow();
  }

  /** Reads the definitions of all tags, unless they are fresh. */
  loadCatalogue(force = false): Promise<void> {
    return force ? this.#catalogueReader.now() : this.#catalogueReader.unlessFresh(CATALOGUE_STALE_MS);
  }

  /** Takes a newer view of a tag, from the answer to a command, or a new tag. */
  mergeTag(tag: TagView): void {
    this.#seed(tag);
    const merged = withTag(this.catalogue ?? [], tag);
    if (merged) this.catalogue = merged;
  }

  removeTag(id: number): void {
    this.catalogue = (this.catalogue ?? []).filter((tag) => tag.id !== id);
  }

  /** The units that the server knows; read once. */
  units(): Promise<Quantity[]> {
    this.#units ??= this.api.units().catch((error: unknown) => {
      this.#units = null;
      throw error;
    });
    return this.#units;
  }

  mergeAlarms(alarms: AlarmView[]): void {
    this.#alarms.merge(alarms);
  }

  mergeMachine(machine: MachineView): void {
    this.#machines.merge([machine]);
  }

  say(kind: ToastKind, lines: string[]): void {
    const toast = { id: this.#nextToast++, kind, lines };
    this.toasts = withToast(this.toasts, toast);
    const life = lifeMs(kind);
    if (life !== null) setTimeout(() => this.dismiss(toast.id), life);
  }

  /** Tells what was agreed but takes effect only at the next start, until the user closes it. */
  sayAtNextStart(problems: string[]): void {
    if (problems.length > 0) this.say('warning', problems);
  }

  sayProblem(error: unknown): void {
    this.say('error', asProblem(error).lines);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  #takeHealth(health: HealthView | null): void {
    this.health = health;
    if (health?.definition) this.#catalogueReader.tell(health.definition);
  }

  async #readCatalogue(): Promise<void> {
    const first = this.catalogue === null;
    const tags = await this.api.allTags({}, (partial) => {
      if (first) this.catalogue = [...partial];
    });
    for (const tag of tags) this.#seed(tag);
    this.catalogue = mergeCatalogue(this.catalogue ?? [], tags);
    this.catalogueProblem = null;
  }

  #serverNow(): number {
    return Date.now() + this.socket.status.skewMs;
  }

  #seed(tag: TagView): void {
    const sourceMs = tag.source_time ? Date.parse(tag.source_time) : null;
    this.tags.seed(tag.id, tag.name, tag.value, tag.quality, tag.reason, sourceMs);
  }
}

/** A tag cell as something templates can depend on: reading `current` follows the cell. */
export class LiveTag {
  readonly #cell: TagCell;
  readonly #follow: () => void;

  constructor(cell: TagCell) {
    this.#cell = cell;
    this.#follow = createSubscriber((update) => cell.subscribe(update));
  }

  get current(): TagCell {
    this.#follow();
    return this.#cell;
  }
}
