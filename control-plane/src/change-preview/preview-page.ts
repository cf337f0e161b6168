import { createHash } from 'node:crypto';
import type { Problem } from '@dotline/model/mesh-error';
import type { Revision } from '@dotline/model/revision';
import { z } from 'zod';
import type { ChangePreview } from './preview-change.js';
import type { PreviewSide } from './preview-policies.js';

/** A service of either side, as it is drawn. */
export interface PreviewService {
  readonly name: string;
  readonly team: string;
  readonly product: string;
  /** Which side has it. */
  readonly side: 'both' | 'before' | 'after';
}

/** What stays as it is or changes, small enough to be kept: the picture around a change. */
export interface PreviewPicture {
  readonly mesh: string;
  readonly teams: readonly {
    readonly name: string;
    readonly colour: string;
    readonly contact: string;
  }[];
  /** Sorted by name. */
  readonly services: readonly PreviewService[];
  /** Edges that both sides have, as caller and callee. */
  readonly kept: readonly (readonly [caller: string, callee: string])[];
}

/** A preview that is kept for a while, to be looked at on the page. */
export interface PreviewPage {
  /** What was compared, in words. */
  readonly base: string;
  readonly head: string;
  /** In one sentence. */
  readonly verdict: string;
  /** Of the head; while there are any there is no preview. */
  readonly problems: readonly Problem[];
  readonly preview: ChangePreview | null;
  /** Ways of `preview.newReach` that are not kept, because there are too many to look at. */
  readonly waysLeftOut: number;
  readonly picture: PreviewPicture | null;
}

const WAYS_MAX = 2_000;

/** Its outer form; what is inside comes from whoever has the join token. */
export const PreviewPageShape = z.object({
  base: z.string().max(1_000),
  head: z.string().max(1_000),
  verdict: z.string().max(1_000),
  problems: z.array(z.looseObject({ file: z.string(), line: z.number(), message: z.string() })),
  preview: z.looseObject({ edges: z.looseObject({}), verdict: z.string() }).nullable(),
  waysLeftOut: z.int().nonnegative(),
  picture: z.looseObject({ services: z.array(z.unknown()), kept: z.array(z.unknown()) }).nullable(),
});

/** Bounds what grows with the square of the services: who newly reaches what. */
export function boundedPreview(
  preview: ChangePreview,
  waysMax = WAYS_MAX,
): Pick<PreviewPage, 'preview' | 'waysLeftOut'> {
  let left = waysMax;
  const newReach = preview.newReach.flatMap((reach) => {
    const from = reach.from.slice(0, left);
    left -= from.length;
    return from.length === 0 ? [] : [{ ...reach, from }];
  });
  const all = preview.newReach.reduce((sum, { from }) => sum + from.length, 0);
  return { preview: { ...preview, newReach }, waysLeftOut: all - (waysMax - left) };
}

export function previewPicture(before: PreviewSide, after: PreviewSide): PreviewPicture {
  const old = namesOf(before.revision);
  const now = namesOf(after.revision);
  const services = [...before.revision.mesh.services, ...after.revision.mesh.services]
    // Of a service that both have, the newer form is drawn.
    .filter((service, index) => index >= old.size || !now.has(service.name))
    .map(({ name, team, product }): PreviewService => {
      const side = !old.has(name) ? 'after' : now.has(name) ? 'both' : 'before';
      return { name, team, product, side };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const teams = new Map(
    [...before.revision.mesh.teams, ...after.revision.mesh.teams].map(
      ({ name, colour, contact }) => [name, { name, colour, contact }] as const,
    ),
  );
  const left = new Set(after.revision.edges.map(({ id }) => id));
  return {
    mesh: after.revision.mesh.name,
    teams: [...teams.values()],
    services,
    kept: before.revision.edges
      .filter(({ id }) => left.has(id))
      .map(({ caller, callee }) => [caller, callee] as const),
  };
}

/** The same preview has the same id. */
export function previewId(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

function namesOf({ mesh }: Revision): Set<string> {
  return new Set(mesh.services.map(({ name }) => name));
}
