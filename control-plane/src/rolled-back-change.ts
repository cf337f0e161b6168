import type { Need } from '@dotline/policies/relations';
import { canonicalDigest, type JsonValue } from './audit-canonical-json.js';
import type { StoredRevision } from './stored-revision.js';

/** Of a larger change of one team, the first of its parts stand for all. */
const PARTS_OF_TEAM_MAX = 100;
const PLATFORM = 'platform';

/** A part of what the mesh directory says that a revision changed, such as a need. */
export interface ChangedPart {
  /** Whose it is. */
  readonly team: string;
  /** For people, and unique in a mesh, such as `need of visitor for greeter.greet`. */
  readonly name: string;
  /** Its form in the revision; `null` where the revision took it away. */
  readonly form: string | null;
}

type Parts = ReadonlyMap<string, { readonly team: string; readonly form: string }>;

/** What a revision changed of what another one said: not where it stands, nor in which commit. */
export function changedParts(before: StoredRevision, after: StoredRevision): ChangedPart[] {
  const [old, now] = [partsOf(before), partsOf(after)];
  const changed = [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)];
    if (was?.form === is?.form) return [];
    return [{ team: is?.team ?? was?.team ?? PLATFORM, name, form: is?.form ?? null }];
  });
  const counts = new Map<string, number>();
  return [...changed, ...guardrailsBetween(before, after, changed)].filter(({ team }) => {
    const count = counts.get(team) ?? 0;
    counts.set(team, count + 1);
    return count < PARTS_OF_TEAM_MAX;
  });
}

/**
 * The parts of a change that somebody's content still has: of those teams that have touched nothing of
 * theirs. Empty when each team has taken back or mended something of its part.
 */
export function untouchedParts(
  change: readonly ChangedPart[],
  stored: StoredRevision,
): ChangedPart[] {
  const same = keptParts(change, stored);
  const touched = new Set(change.filter((part) => !same.has(part)).map(({ team }) => team));
  return change.filter(({ team }) => !touched.has(team));
}

/** What of a change is not so in some content. */
export function withoutParts(change: readonly ChangedPart[], stored: StoredRevision) {
  const same = keptParts(change, stored);
  return change.filter((part) => !same.has(part));
}

function keptParts(change: readonly ChangedPart[], stored: StoredRevision): Set<ChangedPart> {
  const now = partsOf(stored);
  const refused = refusals(stored);
  return new Set(
    change.filter(({ name, form }) => {
      return ((now.get(name) ?? refused.get(name))?.form ?? null) === form;
    }),
  );
}

function partsOf({ revision, relations }: StoredRevision): Parts {
  const { services, objectives, teams, directory: _directory, ...settings } = revision.mesh;
  const parts = new Map<string, { team: string; form: string }>();
  const add = (team: string, name: string, value: unknown) =>
    parts.set(name, { team, form: canonicalDigest((value ?? null) as JsonValue) });
  for (const { directory: _, ...service } of services) {
    add(service.team, `service ${service.name}`, service);
  }
  for (const { line: _, file: __, ...objective } of objectives) {
    add(objective.team, `objective ${objective.name}`, objective);
  }
  for (const team of teams) add(PLATFORM, `team ${team.name}`, team);
  for (const [field, value] of Object.entries(settings))
    add(PLATFORM, `mesh.yaml: ${field}`, value);
  for (const need of relations.needs) {
    add(need.witness.team, `need of ${use(need)}`, need.optional);
  }
  for (const need of relations.baseline) add(PLATFORM, `baseline: ${use(need)}`, need.optional);
  for (const { operation, caller, witness } of relations.grants) {
    add(witness.team, `grant of ${operation} to ${caller.kind} ${caller.name}`, null);
  }
  for (const { team, hash } of revision.requestPolicies ?? []) {
    add(team, `request rules of ${team}`, hash);
  }
  return parts;
}

function use({ service, operation, purpose }: Need): string {
  return `${service} for ${operation}${purpose === undefined ? '' : ` (${purpose})`}`;
}

/** What guardrails refuse newly or no more, of operations about which no team has said anything new. */
function guardrailsBetween(
  before: StoredRevision,
  after: StoredRevision,
  changed: readonly ChangedPart[],
): ChangedPart[] {
  const [old, now] = [refusals(before), refusals(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)];
    const operation = is?.operation ?? was?.operation ?? '';
    if (was?.form === is?.form) return [];
    if (changed.some((part) => part.name.includes(` ${operation}`))) return [];
    return [{ team: PLATFORM, name, form: is?.form ?? null }];
  });
}

function refusals({ relations }: StoredRevision) {
  return new Map(
    relations.refused.map(({ caller, operation, purpose = '', reason }) => [
      `guardrail about ${caller} and ${operation} ${purpose}`.trim(),
      { operation, form: reason },
    ]),
  );
}
