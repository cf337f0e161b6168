import type { Witness } from '@dotline/model/edge';
import { TeamMark } from '../components/team-mark.js';
import { shortCommit } from '../view-model/format.js';

/** One side of the proof: who says so, where, since which commit. */
export function WitnessLine({
  side,
  witness,
}: {
  readonly side: string;
  readonly witness: Witness;
}) {
  return (
    <div class="witness">
      <span class="witness-side">{side}</span>
      <div>
        <TeamMark team={witness.team} />
        {witness.title !== undefined && <q>{witness.title}</q>}
        {witness.owner !== undefined && <span class="muted"> owner {witness.owner}</span>}
        {witness.ticket !== undefined && <span class="muted"> ticket {witness.ticket}</span>}
        {witness.expires !== undefined && (
          <span class="muted">
            {' '}
            expires after <time datetime={witness.expires}>{witness.expires}</time>
          </span>
        )}
        <code>
          {witness.file}:{witness.line}
        </code>
        {witness.commit === undefined ? (
          <span class="muted"> not committed</span>
        ) : (
          <code class="commit" title={witness.commit}>
            {shortCommit(witness.commit)}
          </code>
        )}
      </div>
    </div>
  );
}
