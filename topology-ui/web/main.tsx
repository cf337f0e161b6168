/** The page's entry: wires the address bar, the live connection and the views together. */
import { computed } from '@preact/signals';
import { render } from 'preact';
import { LayoutClient } from './layout/layout-client.js';
import type { KeyValueStore } from './layout/remembered-positions.js';
import { addressBar } from './live/address-bar.js';
import { ApiClient } from './live/api-client.js';
import { LiveConnection } from './live/live-connection.js';
import { mediaQuery } from './live/media-query.js';
import { presence } from './live/presence.js';
import { createStore } from './live/store.js';
import { Page } from './page.js';
import './styles/page.css';

/** Set by the build: the layout worker's file, beside this one. */
declare const LAYOUT_WORKER_FILE: string;

const dark = mediaQuery(window, '(prefers-color-scheme: dark)');
const api = new ApiClient(window.fetch.bind(window));
const store = createStore({
  api,
  ...addressBar(window),
  theme: computed(() => (dark.value ? 'dark' : 'light')),
  reducedMotion: mediaQuery(window, '(prefers-reduced-motion: reduce)'),
  present: presence(window, 120_000),
});

new LiveConnection({
  open: () => new EventSource('/api/events'),
  loadGraph: () => api.graph(),
  onGraph: (graph) => {
    store.graph.value = graph;
    store.lastUpdateMs.value = Date.now();
  },
  onTraffic: (update) => {
    store.update.value = update;
    store.lastUpdateMs.value = Date.now();
  },
  onState: (state, reason) => {
    const { value: now } = store.connection;
    if (now.state !== state || now.reason !== reason) store.connection.value = { state, reason };
  },
}).start();

const root = document.getElementById('page');
if (root === null) throw new Error('index.html has no element #page');
const layout = new LayoutClient(new URL(LAYOUT_WORKER_FILE, import.meta.url).href);
render(<Page store={store} layout={layout} storage={storageOf(window)} />, root);

/** Storage may be switched off in the browser's settings: reading the property then throws. */
function storageOf(page: Window): KeyValueStore | null {
  try {
    return page.localStorage;
  } catch {
    return null;
  }
}
