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
  const { owner, ticket, expires } = witness;
  const annotations = [
    ...(owner === undefined ? [] : [`owner ${owner}`]),
    ...(ticket === undefined ? [] : [`ticket ${ticket}`]),
    ...(expires === undefined ? [] : [`expires after ${expires}`]),
  ];
  return (
    <div class="witness">
      <span class="witness-side">{side}</span>
      <div>
        <TeamMark team={witness.team} />
        {witness.title !== undefined && <q>{witness.title}</q>}
        {annotations.length > 0 && <div class="muted">{annotations.join(' · ')}</div>}
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
