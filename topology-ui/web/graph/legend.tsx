import { useSignal } from '@preact/signals';
import { useStore } from '../live/store-context.js';
import { legibleColour } from '../view-model/colour.js';

/** The teams with their colours (click to focus one), and the key of the graph's signs. */
export function Legend() {
  const store = useStore();
  const open = useSignal(window.innerWidth >= 720);
  const graph = store.graph.value;
  const { team: focused, product } = store.route.value;
  if (graph === null) return null;
  const counts = new Map<string, number>();
  for (const service of graph.services) {
    if (product !== null && service.product !== product) continue;
    counts.set(service.team, (counts.get(service.team) ?? 0) + 1);
  }
  const teams = graph.teams.filter((team) => counts.has(team.name));
  return (
    <aside class="legend" aria-label="Legend">
      <button
        type="button"
        class="legend-toggle"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        {teams.length} teams {focused === null ? '' : `· ${focused}`}
      </button>
      {open.value && (
        <div class="legend-teams">
          <ul>
            {teams.map((team) => (
              <li key={team.name}>
                <button
                  type="button"
                  aria-pressed={focused === team.name}
                  title={`Whom to ask: ${team.contact}`}
                  onClick={() => store.navigate({ team: focused === team.name ? null : team.name })}
                >
                  <span
                    class="swatch"
                    style={{ background: legibleColour(team.colour, store.theme.value) }}
                  />
                  <span class="legend-name">{team.name}</span>
                  <span class="legend-count">{counts.get(team.name)}</span>
                </button>
              </li>
            ))}
          </ul>
          <Key />
        </div>
      )}
    </aside>
  );
}

function Key() {
  return (
    <details class="key">
      <summary>Key</summary>
      <ul>
        <li>
          <Sign>
            <circle cx="12" cy="8" r="6" fill="currentColor" />
          </Sign>
          a service; larger: more requests; ×2: instances
        </li>
        <li>
          <Sign>
            <path d="M1 8H20" stroke="currentColor" stroke-width="3" />
            <path d="M17 3L23 8L17 13Z" fill="currentColor" />
          </Sign>
          an enforced rule, in the caller's colour; wider: more requests
        </li>
        <li>
          <Sign>
            <path d="M1 8H23" stroke="currentColor" stroke-width="1" opacity="0.5" />
          </Sign>
          allowed, idle now
        </li>
        <li>
          <Sign className="danger">
            <path d="M1 8H23" stroke="currentColor" stroke-width="9" opacity="0.3" />
            <path d="M1 8H23" stroke="currentColor" stroke-width="3" />
          </Sign>
          from 1% of requests failing
        </li>
        <li>
          <Sign className="danger">
            <path d="M1 8H23" stroke="currentColor" stroke-width="2" stroke-dasharray="5 4" />
            <path d="M9 5L15 11M15 5L9 11" stroke="currentColor" stroke-width="2" />
          </Sign>
          attempts that policy denied
        </li>
        <li>
          <Sign className="warning">
            <circle cx="12" cy="8" r="3.5" fill="currentColor" />
            <circle
              cx="12"
              cy="8"
              r="6.5"
              fill="none"
              stroke="currentColor"
              stroke-dasharray="3 2"
            />
          </Sign>
          ~ degraded, or alert: ticket
        </li>
        <li>
          <Sign className="danger">
            <circle cx="12" cy="8" r="3.5" fill="currentColor" />
            <circle cx="12" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="2" />
          </Sign>
          ! down, or alert: page
        </li>
      </ul>
    </details>
  );
}

function Sign(props: { readonly children: preact.ComponentChildren; readonly className?: string }) {
  return (
    <svg
      class={props.className ?? 'muted'}
      width="24"
      height="16"
      viewBox="0 0 24 16"
      aria-hidden="true"
    >
      {props.children}
    </svg>
  );
}
