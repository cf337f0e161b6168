import type { PreviewView } from '@dotline/topology-ui/policy-view';
import { warningColours } from '../graph/graph-style.js';
import { legibleColour, type Theme, textOn } from '../view-model/colour.js';
import {
  type Dot,
  dangerColours,
  denialId,
  dotSizeMin,
  type GraphElements,
  type Line,
  noTraffic,
} from '../view-model/graph-elements.js';

type Page = PreviewView['page'];
export type PreviewPicture = NonNullable<Page['picture']>;
export type ChangePreview = NonNullable<Page['preview']>;

/** How a change touches an edge. */
export type EdgeFate = 'added' | 'removed' | 'widened' | 'narrowed' | 'both';

/** An edge that a change touches, with what it gains and loses. */
export interface ChangedEdge {
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  readonly fate: EdgeFate;
  readonly gained: ChangePreview['edges']['added'][number]['operations'];
  readonly lost: ChangePreview['edges']['added'][number]['operations'];
}

/** Green of what is added; the same values stand in `styles/tokens.css` as `--ok`. */
const gainColours: Readonly<Record<Theme, string>> = { light: '#1c7a41', dark: '#5ccb86' };

const widths: Readonly<Record<EdgeFate, number>> = {
  added: 4,
  removed: 3,
  widened: 3,
  narrowed: 3,
  both: 3,
};

/** Every edge that a change touches, what is taken away first. */
export function changedEdges({ edges }: ChangePreview): readonly ChangedEdge[] {
  const widened = new Map(edges.widened.map((edge) => [edge.id, edge]));
  const narrowed = new Set(edges.narrowed.map(({ id }) => id));
  const of = (
    { id, caller, callee }: ChangePreview['edges']['added'][number],
    fate: EdgeFate,
    gained: ChangedEdge['gained'],
    lost: ChangedEdge['lost'],
  ): ChangedEdge => ({ id, caller, callee, fate, gained, lost });
  return [
    ...edges.removed.map((edge) => of(edge, 'removed', [], edge.operations)),
    ...edges.narrowed.map((edge) => {
      const gained = widened.get(edge.id)?.operations ?? [];
      return of(edge, gained.length === 0 ? 'narrowed' : 'both', gained, edge.operations);
    }),
    ...edges.added.map((edge) => of(edge, 'added', edge.operations, [])),
    ...edges.widened
      .filter(({ id }) => !narrowed.has(id))
      .map((edge) => of(edge, 'widened', edge.operations, [])),
  ];
}

/** The graph of both sides: what changes in colours and signs of its own, what stays in the background. */
export function previewElements(
  picture: PreviewPicture,
  preview: ChangePreview,
  theme: Theme,
): GraphElements {
  const colours = new Map(
    picture.teams.map(({ name, colour }) => [name, legibleColour(colour, theme)] as const),
  );
  const teams = new Map(picture.services.map(({ name, team }) => [name, team] as const));
  const colourOf = (team: string | undefined) =>
    colours.get(team ?? '') ?? legibleColour('', theme);
  const changed = changedEdges(preview);
  const touched = new Set(changed.map(({ id }) => id));
  const kept = picture.kept
    .map(([caller, callee]) => ({ id: `${caller}->${callee}`, caller, callee }))
    .filter(({ id }) => !touched.has(id))
    .map((edge): Line => {
      const colour = colourOf(teams.get(edge.caller));
      const plain = { kind: 'allowed', state: 'idle', width: 1 } as const;
      return { ...edge, ...plain, colour, traffic: noTraffic, deniedCount: 0, label: '' };
    });
  const dots = picture.services.map(({ name, team, product, side }): Dot => {
    const colour = colourOf(team);
    return {
      ...{ id: name, team, product, colour, size: dotSizeMin + 4, traffic: noTraffic },
      // A preview knows no instances, so their number inside of the dot is not to be seen.
      textColour: side === 'before' ? textOn(colour) : 'transparent',
      health: side === 'before' ? 'unknown' : 'healthy',
      alert: 'ok',
      instances: 0,
      ready: 0,
    };
  });
  const lines = [...kept, ...changed.map((edge) => changedLine(edge, theme))];
  return { dots: [...dots].sort(byId), lines: lines.sort(byId) };
}

/** The id of a changed edge's line in the graph. */
function lineIdOf({ id, caller, callee, fate }: ChangedEdge): string {
  return fate === 'removed' ? denialId(caller, callee) : id;
}

/** Such as `+ estimate` or `+2 −1`. */
function changeLabel({ callee, gained, lost }: ChangedEdge): string {
  const sides = [
    ['+', gained],
    ['−', lost],
  ] as const;
  const shown = sides.filter(([, operations]) => operations.length > 0);
  return shown
    .map(([sign, operations]) => {
      const [first] = operations;
      const alone = shown.length === 1 && operations.length === 1 && first !== undefined;
      return alone
        ? `${sign} ${first.operation.slice(callee.length + 1)}`
        : `${sign}${operations.length}`;
    })
    .join(' ');
}

function changedLine(edge: ChangedEdge, theme: Theme): Line {
  const { caller, callee, fate } = edge;
  const colour =
    fate === 'removed'
      ? dangerColours[theme]
      : fate === 'added' || fate === 'widened'
        ? gainColours[theme]
        : warningColours[theme];
  return {
    id: lineIdOf(edge),
    caller,
    callee,
    kind: fate === 'removed' ? 'denied' : 'allowed',
    state: fate === 'removed' ? 'denied' : 'busy',
    colour,
    width: widths[fate],
    traffic: noTraffic,
    deniedCount: 0,
    label: changeLabel(edge),
  };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
