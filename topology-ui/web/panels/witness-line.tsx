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
