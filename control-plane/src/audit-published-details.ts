import { createHash } from 'node:crypto';
import type { AgreedOperation, Edge, Witness } from '@dotline/model/edge';
import { diffEdges, type Revision } from '@dotline/model/revision';
import { canonicalJson, type JsonValue } from './audit-canonical-json.js';
import type { AuditEvent } from './audit-event.js';

/** Of a larger change the first are named; `edgesDigest` covers all of them. */
const CONSENTS_MAX = 300;

/** A consent that was completed, or taken back, between two revisions. */
interface Consent {
  readonly change: 'given' | 'withdrawn';
  readonly edge: string;
  readonly agreed: AgreedOperation;
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
  const witness = ({ team, file, line, commit, owner, ticket }: Witness) => ({
    team,
    file,
    line,
    owner,
    ticket,
    commit,
    author: commit === undefined ? undefined : authors.get(commit),
  });
  return {
    previous: before?.id,
    services: after.mesh.services.length,
    edges: after.edges.length,
    edgesAdded: added.length,
    edgesRemoved: removed.length,
    edgesChanged: changed.length,
    edgesDigest: edgesDigest(after),
    requestPolicies: after.requestPolicies?.map(({ team, hash }) => ({ team, hash })),
    consents: consents.slice(0, CONSENTS_MAX).map(({ change, edge, agreed }) => ({
      change,
      edge,
      operation: agreed.operation,
      need: witness(agreed.need),
      grant: witness(agreed.grant),
    })),
    consentsLeftOut: Math.max(0, consents.length - CONSENTS_MAX),
  };
}

/** The commits that `publishedDetails` asks the authors of. */
export function commitsOfChange(after: Revision, before: Revision | undefined): string[] {
  const consents = consentsBetween(before?.edges ?? [], after.edges).slice(0, CONSENTS_MAX);
  const commits = consents.flatMap(({ agreed }) => [agreed.need.commit, agreed.grant.commit]);
  return [...commits, after.commit].flatMap((commit) => commit ?? []);
}

/** SHA-256, in hexadecimal, of all edges with their proof. */
function edgesDigest({ edges }: Revision): string {
  // Through JSON, as a revision that comes from PostgreSQL has been.
  const plain = JSON.parse(JSON.stringify(edges)) as JsonValue;
  return createHash('sha256').update(canonicalJson(plain)).digest('hex');
}

function consentsBetween(before: readonly Edge[], after: readonly Edge[]): Consent[] {
  return [
    ...consentsOnlyIn(after, before).map((consent) => ({ ...consent, change: 'given' as const })),
    ...consentsOnlyIn(before, after).map((consent) => ({
      ...consent,
      change: 'withdrawn' as const,
    })),
  ];
}

function consentsOnlyIn(edges: readonly Edge[], others: readonly Edge[]) {
  const known = new Map(
    others.map(({ id, operations }) => [id, new Set(operations.map(({ operation }) => operation))]),
  );
  return edges.flatMap(({ id, operations }) =>
    operations
      .filter(({ operation }) => known.get(id)?.has(operation) !== true)
      .map((agreed) => ({ edge: id, agreed })),
  );
}
