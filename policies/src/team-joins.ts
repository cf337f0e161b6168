import { sha256 } from './build-cache.js';
import { candidatesOf, type Join, joinOver } from './join-relations.js';
import type { MeshNames } from './read-relations.js';
import type { BaselineAllowance, Grant, Need } from './relations.js';
import type { StatedUnit } from './stated-units.js';

/** What the services of one team may call if no guardrail objects. The same object as long as nothing about it changed. */
export interface TeamJoin {
  readonly team: string;
  /** Its `unused` says nothing, since grants are for the callers of other teams too. */
  readonly join: Join;
  /** Grants that these needs use. */
  readonly used: readonly Grant[];
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
  readonly #grants = new WeakMap<StatedUnit, ReadonlyMap<string, readonly Grant[]>>();
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
      const grants = [...new Set(needs.map(({ operation }) => operation))].flatMap((operation) => {
        const callee = byOwner.get(teamOf(names, operation));
        return callee === undefined ? [] : (this.#grantsOf(callee).get(operation) ?? []);
      });
      const join = joinOver(names, { needs, grants, baseline: allowances ?? [] });
      const unused = new Set(join.unused);
      const joined = {
        team,
        join,
        used: grants.filter((grant) => !unused.has(grant)),
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
        : [...new Set(needs.map(({ operation }) => teamOf(names, operation)))];
    this.#calleeTeams.set(needs, { names, teams });
    return teams.map((team) => byOwner.get(team));
  }

  #grantsOf(unit: StatedUnit): ReadonlyMap<string, readonly Grant[]> {
    const known = this.#grants.get(unit);
    if (known !== undefined) return known;
    const grants = groupBy(unit.grants, ({ operation }) => operation);
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

function teamOf({ services, operations }: MeshNames, operation: string): string {
  return services.get(operations.get(operation)?.service ?? '')?.team ?? '';
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
