/** Width below which lists take two lines per row and panels the whole screen; the same number stands in the styles. */
const narrowQuery = window.matchMedia('(max-width: 860px)');
/** Width below which tables of alarms put what is secondary on a second line. */
const mediumQuery = window.matchMedia('(max-width: 1140px)');
const darkQuery = window.matchMedia('(prefers-color-scheme: dark)');

class Layout {
  narrow = $state(narrowQuery.matches);
  medium = $state(mediumQuery.matches);
  systemDark = $state(darkQuery.matches);

  constructor() {
    narrowQuery.addEventListener('change', (event) => (this.narrow = event.matches));
    mediumQuery.addEventListener('change', (event) => (this.medium = event.matches));
    darkQuery.addEventListener('change', (event) => (this.systemDark = event.matches));
  }
}

export const layout = new Layout();
