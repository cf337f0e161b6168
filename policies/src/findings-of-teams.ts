import { compareFindings, type Finding, sortFindings, unusedGrant } from './finding.js';
import { type Grant, mergeSorted } from './relations.js';
import type { StatedUnit } from './stated-units.js';
import { sameItems, type TeamJoin } from './team-joins.js';

interface Known {
  /** Everything that the findings follow from. */
  readonly inputs: readonly unknown[];
  readonly sorted: readonly Finding[];
}

/** Finds and sorts what is to be said; a team about which nothing changed is not looked at again. */
export class FindingsOfTeams {
  /** By team. */
  readonly #known = new Map<string, Known>();

  /**
   * All findings, sorted.
   * @param aboutNeeds by team, those that its needs gave
   * @param joins all that may use what units grant
   */
  all(
    aboutNeeds: ReadonlyMap<string, readonly Finding[]>,
    units: readonly StatedUnit[],
    joins: readonly TeamJoin[],
  ): Finding[] {
    const users = new Map<StatedUnit, TeamJoin[]>(units.map((unit) => [unit, []]));
    for (const join of joins) for (const callee of join.callees) users.get(callee)?.push(join);
    const byOwner = new Map(units.map((unit) => [unit.owner, unit]));
    const teams = new Set([...aboutNeeds.keys(), ...byOwner.keys()]);
    for (const team of this.#known.keys()) if (!teams.has(team)) this.#known.delete(team);
    const sorted = [...teams].map((team) => {
      const unit = byOwner.get(team);
      const callers = (unit && users.get(unit)) ?? [];
      return this.#sorted(team, aboutNeeds.get(team) ?? [], unit?.grants ?? [], callers);
    });
    // Each team's are in order already, and the sort keeps it.
    return mergeSorted(sorted, (a, b) => compareFindings(a, b, a.team !== b.team));
  }

  #sorted(
    team: string,
    aboutNeeds: readonly Finding[],
    grants: readonly Grant[],
    callers: readonly TeamJoin[],
  ): readonly Finding[] {
    const inputs = [aboutNeeds, grants, ...callers];
    const before = this.#known.get(team);
    if (before !== undefined && sameItems(before.inputs, inputs)) return before.sorted;
    const unused = grants.filter((grant) => !callers.some(({ used }) => used.has(grant)));
    const sorted = sortFindings([...aboutNeeds, ...unused.map(unusedGrant)]);
    this.#known.set(team, { inputs, sorted });
    return sorted;
  }
}
