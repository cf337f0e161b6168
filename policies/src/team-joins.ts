import { sha256 } from './build-cache.js';
import { candidatesOf, GrantIndex, joinNeeds, type NeedJoin } from './join-relations.js';
import type { MeshNames } from './read-relations.js';
import type { BaselineAllowance, Grant, Need } from './relations.js';
import type { StatedUnit } from './stated-units.js';

/** What the services of one team may call if no guardrail objects. The same object as long as nothing about it changed. */
export interface TeamJoin {
  readonly team: string;
  readonly join: NeedJoin;
  /** Grants that these needs use. */
  readonly used: ReadonlySet<Grant>;
  /** Who gave them. */
  readonly callees: readonly StatedUnit[];
  /** Names all that the join was made from. */
  readonly key: string;
}

/** What guardrails are asked about a team's join: JSON of candidates, separated by commas. */
export function candidatesText(names: MeshNames, { join }: TeamJoin): string {
  return JSON.stringify(candidatesOf(names.services, join.agreements)).slice(1, -1);
}

const NONE: readonly Need[] = [];

interface Known {
  /** Everything that the join was made from. */
  readonly inputs: readonly unknown[];
  readonly joined: TeamJoin;
}

/**
 * Joins what teams need with what others grant, one team at a time. All grants of an operation stand with its
 * service's team, so a team is joined anew only when itself or a team that it calls says something else.
 */
export class TeamJoins {
  readonly #known = new Map<string, Known>();
  readonly #calleeTeams = new WeakMap<
    readonly Need[],
    { readonly names: MeshNames; readonly teams: readonly string[] }
  >();
  readonly #grants = new WeakMap<StatedUnit, GrantIndex>();
  #baseline:
    | { names: MeshNames; platform: StatedUnit; byTeam: Map<string, BaselineAllowance[]> }
    | undefined;

  /** One for each team that has services, sorted as the mesh's services are. */
  join(names: MeshNames, units: readonly StatedUnit[], platform: StatedUnit): TeamJoin[] {
    const byOwner = new Map(units.map((unit) => [unit.owner, unit]));
    const baseline = this.#baselineByTeam(names, platform);
    const teams = new Set([...names.services.values()].map(({ team }) => team));
    for (const team of this.#known.keys()) if (!teams.has(team)) this.#known.delete(team);
    return [...teams].map((team) => {
      const unit = byOwner.get(team);
      const allowances = baseline.get(team);
      const needs = unit?.needs ?? NONE;
      const callees = this.#calleesOf(names, needs, byOwner);
      const inputs = [names, unit, allowances, ...callees];
      const before = this.#known.get(team);
      if (before !== undefined && sameItems(before.inputs, inputs)) return before.joined;
      const grantsOf = (operation: string) => {
        const callee = byOwner.get(names.teamOf(operation) ?? '');
        return callee && this.#grantsOf(callee);
      };
      const used = new Set<Grant>();
      const joined = {
        team,
        join: joinNeeds(names, { needs, baseline: allowances ?? NONE }, grantsOf, used),
        used,
        callees: callees.filter((callee) => callee !== undefined),
        key: sha256([names.key, team, ...keysOf([platform, unit, ...callees])].join('\n')),
      };
      this.#known.set(team, { inputs, joined });
      return joined;
    });
  }

  #calleesOf(
    names: MeshNames,
    needs: readonly Need[],
    byOwner: ReadonlyMap<string, StatedUnit>,
  ): readonly (StatedUnit | undefined)[] {
    const known = this.#calleeTeams.get(needs);
    const teams =
      known?.names === names
        ? known.teams
        : [...new Set(needs.map(({ operation }) => names.teamOf(operation) ?? ''))];
    this.#calleeTeams.set(needs, { names, teams });
    return teams.map((team) => byOwner.get(team));
  }

  #grantsOf(unit: StatedUnit): GrantIndex {
    const grants = this.#grants.get(unit) ?? new GrantIndex(unit.grants);
    this.#grants.set(unit, grants);
    return grants;
  }

  #baselineByTeam(names: MeshNames, platform: StatedUnit): Map<string, BaselineAllowance[]> {
    if (this.#baseline?.names !== names || this.#baseline.platform !== platform) {
      const byTeam = groupBy(
        platform.baseline,
        ({ service }) => names.services.get(service)?.team ?? '',
      );
      this.#baseline = { names, platform, byTeam };
    }
    return this.#baseline.byTeam;
  }
}

function keysOf(units: readonly (StatedUnit | undefined)[]): string[] {
  return units.map((unit) => unit?.key ?? 'none');
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
