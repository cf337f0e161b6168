import { compareFindings, type Finding, sortFindings, unusedGrant } from './finding.js';
import type { Grant } from './relations.js';
import type { StatedUnit } from './stated-units.js';

interface Known {
  readonly aboutNeeds: readonly Finding[];
  readonly unused: readonly Grant[];
  readonly sorted: readonly Finding[];
}

/** Sorts findings; a team about which the same is to be said as before is not sorted again. */
export class FindingsOfTeams {
  /** By team. */
  readonly #known = new Map<string, Known>();

  /**
   * All findings, sorted.
   * @param aboutNeeds by team, those that its needs gave
   * @param used grants that somebody uses
   */
  all(
    aboutNeeds: ReadonlyMap<string, readonly Finding[]>,
    units: readonly StatedUnit[],
    used: ReadonlySet<Grant>,
  ): Finding[] {
    const unusedByTeam = new Map(
      units.map(({ owner, grants }) => [owner, grants.filter((grant) => !used.has(grant))]),
    );
    const teams = new Set([...aboutNeeds.keys(), ...unusedByTeam.keys()]);
    for (const team of this.#known.keys()) if (!teams.has(team)) this.#known.delete(team);
    const sorted = [...teams].flatMap((team) =>
      this.#sorted(team, aboutNeeds.get(team) ?? [], unusedByTeam.get(team) ?? []),
    );
    // Each team's are in order already, and the sort keeps it.
    return sorted.sort((a, b) => compareFindings(a, b, a.team !== b.team));
  }

  #sorted(
    team: string,
    aboutNeeds: readonly Finding[],
    unused: readonly Grant[],
  ): readonly Finding[] {
    const before = this.#known.get(team);
    if (
      before?.aboutNeeds === aboutNeeds &&
      before.unused.length === unused.length &&
      before.unused.every((grant, index) => grant === unused[index])
    ) {
      return before.sorted;
    }
    const sorted = sortFindings([...aboutNeeds, ...unused.map(unusedGrant)]);
    this.#known.set(team, { aboutNeeds, unused, sorted });
    return sorted;
  }
}
