import type { Edge } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';
import { type Finding, findingsOf } from './finding.js';
import { withCommit } from './git-witness.js';
import type { Rows } from './guardrail-judgement.js';
import { denialsOf, edgesOf } from './join-relations.js';
import { type MeshNames, readDenials } from './read-relations.js';
import type { GuardrailDenial } from './relations.js';
import type { StatedUnit } from './stated-units.js';
import type { TeamJoin } from './team-joins.js';

/** The edges from one team's services, and what stands in the way of others. */
export interface TeamEdges {
  /** One list for each caller, sorted by id: all ids of a caller begin alike. */
  readonly edges: readonly (readonly Edge[])[];
  readonly refused: readonly GuardrailDenial[];
  /** About the team's needs. */
  readonly findings: readonly Finding[];
  /** Of the guardrails. */
  readonly problems: readonly Problem[];
}

interface Known {
  readonly rows: Rows;
  readonly platform: StatedUnit;
  readonly made: TeamEdges;
}

/** Makes edges of joins and denials; a team whose join and denials are as before is not made again. */
export class EdgesOfTeams {
  readonly #known = new WeakMap<TeamJoin, Known>();

  /** @param commits by file */
  of(
    names: MeshNames,
    team: TeamJoin,
    rows: Rows,
    platform: StatedUnit,
    commits: ReadonlyMap<string, string>,
  ): TeamEdges {
    const before = this.#known.get(team);
    if (before?.platform === platform && sameRows(before.rows, rows)) return before.made;
    const denials = readDenials(names, { rows, rules: platform.rules });
    const refused = denialsOf(team.join.agreements, denials.relations).map((denial) => ({
      ...denial,
      guardrail: withCommit(denial.guardrail, commits),
    }));
    const made = {
      edges: byCaller(edgesOf(team.join.agreements, refused)),
      refused,
      findings: findingsOf({ ...team.join, unused: [] }, refused),
      problems: denials.problems,
    };
    this.#known.set(team, { rows, platform, made });
    return made;
  }
}

function byCaller(edges: readonly Edge[]): Edge[][] {
  const callers: Edge[][] = [];
  for (const edge of edges) {
    const last = callers.at(-1);
    if (last?.[0]?.caller === edge.caller) last.push(edge);
    else callers.push([edge]);
  }
  return callers;
}

function sameRows(a: Rows, b: Rows): boolean {
  return a === b || (a.length === 0 && b.length === 0);
}
