import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/marks.css';
import './styles/forms.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { start } from './lib/app';
import { preferences } from './lib/preferences.svelte';

preferences.applyTheme();
start(import.meta.url);

const target = document.getElementById('app')!;
target.replaceChildren();
mount(App, { target });
