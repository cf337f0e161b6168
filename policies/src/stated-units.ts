import type { Witness } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';
import type { RequestRule } from '@dotline/model/request-policy';
import { withCommit } from './git-witness.js';
import { entrypointOf } from './instrument.js';
import type { PolicyUnit } from './policy-unit.js';
import {
  type MeshNames,
  type ReadRelations,
  readBaseline,
  readGrants,
  readNeeds,
} from './read-relations.js';
import { readRequestRules } from './read-request-rules.js';
import type { BaselineAllowance, Grant, Need } from './relations.js';
import type { Evaluated } from './unit-evaluation.js';

/** What one unit states, with the commits of the rules' files. */
export interface StatedUnit {
  /** Team name, or `platform`. */
  readonly owner: string;
  /** Names all that it follows from, but for commits. */
  readonly key: string;
  readonly needs: readonly Need[];
  readonly grants: readonly Grant[];
  readonly baseline: readonly BaselineAllowance[];
  readonly requestRules: readonly RequestRule[];
  readonly rules: readonly Witness[];
  /** Those of them that have a last day. */
  readonly ending: readonly Witness[];
  readonly problems: readonly Problem[];
}

interface Known {
  readonly names: MeshNames;
  readonly evaluated: Evaluated;
  /** Of the unit's files. */
  readonly commits: string;
  readonly stated: StatedUnit;
}

/** Reads what evaluations gave into relations; a unit that says the same as before is not read again. */
export class StatedUnits {
  /** By owner. */
  readonly #known = new Map<string, Known>();

  /** @param commits by file */
  read(
    names: MeshNames,
    unit: PolicyUnit,
    evaluated: Evaluated,
    commits: ReadonlyMap<string, string>,
  ): StatedUnit {
    const own = unit.sources.map(({ file }) => `${file} ${commits.get(file)}`).join('\n');
    const before = this.#known.get(unit.owner);
    if (before?.names === names && before.evaluated === evaluated && before.commits === own) {
      return before.stated;
    }
    const rules = evaluated.rules.map((rule) => withCommit(rule, commits));
    const stated = readUnit(names, unit, { ...evaluated, rules });
    this.#known.set(unit.owner, { names, evaluated, commits: own, stated });
    return stated;
  }

  /** Forgets all units but these. */
  keepOnly(owners: ReadonlySet<string>): void {
    for (const owner of this.#known.keys()) if (!owners.has(owner)) this.#known.delete(owner);
  }
}

function readUnit(names: MeshNames, unit: PolicyUnit, { key, rules, sets }: Evaluated): StatedUnit {
  const emitted = (rule: string) => {
    const set = unit.emits.find((each) => each.rule === rule);
    return { rows: set === undefined ? undefined : sets[entrypointOf(set)], rules };
  };
  const none: ReadRelations<never> = { relations: [], problems: [] };
  const isTeam = unit.kind === 'team';
  const needs = isTeam ? readNeeds(names, unit.owner, emitted('needs')) : none;
  const grants = isTeam ? readGrants(names, unit.owner, emitted('grants')) : none;
  const decided = isTeam ? readRequestRules(names, unit.owner, emitted('request_rules')) : none;
  const baseline = isTeam ? none : readBaseline(names, emitted('allow'));
  return {
    owner: unit.owner,
    key,
    needs: needs.relations,
    grants: grants.relations,
    baseline: baseline.relations,
    requestRules: decided.relations,
    rules,
    ending: rules.filter(({ expires }) => expires !== undefined),
    problems: [needs, grants, decided, baseline].flatMap(({ problems }) => problems),
  };
}
