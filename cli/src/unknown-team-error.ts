import type { Mesh } from '@dotline/model/mesh';
import { didYouMean } from '@dotline/policies/nearest-name';

/** There is no team of this name, in one line. */
export class UnknownTeamError extends Error {
  override readonly name = 'UnknownTeamError';
}

/** @throws UnknownTeamError unless the mesh has the team, or none is named */
export function checkTeam({ teams }: Pick<Mesh, 'teams'>, team: string | undefined): void {
  const names = teams.map(({ name }) => name);
  if (team === undefined || names.includes(team)) return;
  const hint = didYouMean(team, names) ?? `there are ${names.join(', ')}`;
  throw new UnknownTeamError(`there is no team ${team} (${hint})`);
}
