import { useStore } from '../live/store-context.js';
import { formatRoute, type ViewName } from '../view-model/route.js';
import { LiveState } from './live-state.js';
import { SearchBox } from './search-box.js';

const tabs: readonly (readonly [ViewName, string])[] = [
  ['graph', 'Graph'],
  ['list', 'List'],
  ['objectives', 'Objectives'],
  ['sidecars', 'Sidecars'],
];

/** Views, search, product filter, and whether the picture is live. */
export function Header() {
  const store = useStore();
  const { view, product } = store.route.value;
  const graph = store.graph.value;
  const products = [...new Set(graph?.services.map((service) => service.product))].sort();
  return (
    <header class="header">
      <a class="brand" href="#/graph" aria-label="Dotline: the whole graph">
        <svg width="26" height="18" viewBox="0 0 26 18" aria-hidden="true">
          <path d="M5 9H21" stroke="currentColor" stroke-width="2.4" />
          <circle cx="5" cy="9" r="4.5" fill="var(--brand-a)" />
          <circle cx="21" cy="9" r="4.5" fill="var(--brand-b)" />
        </svg>
        <span>{graph?.mesh ?? 'Dotline'}</span>
      </a>
      <nav aria-label="Views">
        {tabs.map(([name, label]) => (
          <a
            key={name}
            href={formatRoute({ ...store.route.value, view: name })}
            aria-current={view === name ? 'page' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <SearchBox />
      {products.length > 1 && (
        <label class="product-filter">
          <span class="visually-hidden">Product</span>
          <select
            value={product ?? ''}
            onChange={(event) => store.navigate({ product: event.currentTarget.value || null })}
          >
            <option value="">All products</option>
            {products.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <LiveState />
    </header>
  );
}
