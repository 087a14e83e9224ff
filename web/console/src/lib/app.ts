import { Plant } from './plant.svelte';
import { Router } from './router.svelte';
import { scopeOf } from './route';

export let plant: Plant;
export let router: Router;

/** Builds the two singletons; called once, before the first component. * `scriptUrl`: URL of the entry script. */
export function start(scriptUrl: string): void {
  const scope = scopeOf(scriptUrl);
  router = new Router(scope);
  plant = new Plant(scope);
}
