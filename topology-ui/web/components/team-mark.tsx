import { useStore } from '../live/store-context.js';
import { legibleColour } from '../view-model/colour.js';

/** A team's colour with its name: the colour never stands alone. */
export function TeamMark({ team }: { readonly team: string }) {
  const store = useStore();
  const colour = store.graph.value?.teams.find(({ name }) => name === team)?.colour ?? '';
  return (
    <span class="team-mark">
      <span class="swatch" style={{ background: legibleColour(colour, store.theme.value) }} />
      {team}
    </span>
  );
}
