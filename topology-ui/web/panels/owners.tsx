import { TeamMark } from '../components/team-mark.js';
import { teamOf } from '../live/store.js';
import { useStore } from '../live/store-context.js';

/** The two ends of a line or of a denied attempt, by service name. */
export interface Ends {
  readonly caller: string;
  readonly callee: string;
}

/** Both teams with whom to ask. */
export function Owners({ caller, callee }: Ends) {
  const store = useStore();
  const contactOf = (team: string) =>
    store.graph.value?.teams.find(({ name }) => name === team)?.contact ?? '–';
  const sides = [
    ['caller', teamOf(store, caller)],
    ['callee', teamOf(store, callee)],
  ] as const;
  return (
    <dl class="owners">
      {sides.map(([side, team]) => (
        <div key={side}>
          <dt>{side}</dt>
          <dd>
            {team === '' ? (
              'not in the catalog'
            ) : (
              <>
                <TeamMark team={team} /> <span class="muted">ask {contactOf(team)}</span>
              </>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
