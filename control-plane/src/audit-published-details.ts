import type { Edge, Witness } from '@dotline/model/edge';
import { diffEdges, type Revision } from '@dotline/model/revision';
import { canonicalDigest, type JsonValue } from './audit-canonical-json.js';
import type { AuditEvent } from './audit-event.js';

/** Of a larger change the first are named; `consentsDigest` covers all of them. */
const CONSENTS_MAX = 300;

/** A consent that was completed, or taken back, between two revisions. */
interface Consent {
  readonly change: 'given' | 'withdrawn';
  readonly edge: string;
  readonly operation: string;
  readonly need: Witness;
  readonly grant: Witness;
}

/**
 * What the entry of a revision that goes live tells: which consents of two teams it completes and which
 * it takes back, each with the rules of both sides, their commits and the authors of these.
 * @param authors by commit
 */
export function publishedDetails(
  after: Revision,
  before: Revision | undefined,
  authors: ReadonlyMap<string, string>,
): NonNullable<AuditEvent['details']> {
  const { added, removed, changed } = diffEdges(before?.edges ?? [], after.edges);
  const consents = consentsBetween(before?.edges ?? [], after.edges);
  const named = consents.slice(0, CONSENTS_MAX);
  const witness = ({ team, file, line, commit, owner, ticket }: Witness) => {
    const author = commit === undefined ? undefined : authors.get(commit);
    return { team, file, line, owner, ticket, commit, author };
  };
  return {
    previous: before?.id,
    author: after.commit === undefined ? undefined : authors.get(after.commit),
    services: after.mesh.services.length,
    edges: after.edges.length,
    edgesAdded: added.length,
    edgesRemoved: removed.length,
    edgesChanged: changed.length,
    consents: named.map((consent) => ({
      ...consent,
      need: witness(consent.need),
      grant: witness(consent.grant),
    })),
    ...(named.length === consents.length
      ? {}
      : {
          consentsLeftOut: consents.length - named.length,
          consentsDigest: canonicalDigest(consents as unknown as JsonValue),
        }),
  };
}

/** The commits that `publishedDetails` asks the authors of. */
export function commitsOfChange(after: Revision, before: Revision | undefined): string[] {
  const consents = consentsBetween(before?.edges ?? [], after.edges).slice(0, CONSENTS_MAX);
  const commits = consents.flatMap(({ need, grant }) => [need.commit, grant.commit]);
  return [after.commit, ...commits].flatMap((commit) => commit ?? []);
}

function consentsBetween(before: readonly Edge[], after: readonly Edge[]): Consent[] {
  return [...onlyIn(after, before, 'given'), ...onlyIn(before, after, 'withdrawn')];
}

function onlyIn(
  edges: readonly Edge[],
  others: readonly Edge[],
  change: Consent['change'],
): Consent[] {
  const known = new Map(others.map(({ id, operations }) => [id, operations]));
  return edges.flatMap(({ id, operations }) => {
    const there = known.get(id) ?? [];
    // Of most edges the lists are equal; operations are few.
    return operations
      .filter(({ operation }) => !there.some((agreed) => agreed.operation === operation))
      .map(({ operation, need, grant }) => ({ change, edge: id, operation, need, grant }));
  });
}
