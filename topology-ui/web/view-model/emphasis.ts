import type { GraphElements } from './graph-elements.js';
import { denialId } from './graph-elements.js';
import type { Selection } from './route.js';

/** What stands out, what steps back and what is not drawn, by the ids of dots and lines. */
export interface Emphasis {
  readonly hidden: ReadonlySet<string>;
  readonly dimmed: ReadonlySet<string>;
  readonly selected: string | null;
  readonly hovered: string | null;
  /** Lines whose figures are shown because a person looks at them. */
  readonly looked: ReadonlySet<string>;
}

export interface EmphasisWish {
  readonly selection: Selection | null;
  readonly team: string | null;
  readonly product: string | null;
  /** Services that match the search; `null` without a search. */
  readonly matches: ReadonlySet<string> | null;
  /** Dot or line under the pointer. */
  readonly hovered: string | null;
}

/** Works out the emphasis: hovering and selecting show a neighbourhood, filters hide or dim the rest. */
export function emphasise(elements: GraphElements, wish: EmphasisWish): Emphasis {
  const hidden = hiddenByProduct(elements, wish.product);
  const selected = selectedId(wish.selection);
  const focus = neighbourhood(elements, selected) ?? teamFocus(elements, wish.team);
  const dimmed = new Set<string>();
  const dimAllBut = (keep: ReadonlySet<string>) => {
    for (const { id } of [...elements.dots, ...elements.lines]) if (!keep.has(id)) dimmed.add(id);
  };
  if (focus !== undefined) dimAllBut(focus);
  if (wish.matches !== null) dimAllBut(wish.matches);
  const looked = new Set<string>();
  for (const id of [selected, wish.hovered]) {
    for (const near of neighbourhood(elements, id) ?? []) looked.add(near);
  }
  return { hidden, dimmed, selected, hovered: wish.hovered, looked };
}

/** The dot's or line's id in the graph; `null` when the selection is none of them. */
function selectedId(selection: Selection | null): string | null {
  switch (selection?.kind) {
    case 'service':
      return selection.name;
    case 'edge':
      return `${selection.caller}->${selection.callee}`;
    case 'denial':
      return denialId(selection.caller, selection.callee);
    default:
      return null;
  }
}

/** A dot with its lines and their other ends, or a line with its ends; `undefined` for an unknown id. */
function neighbourhood(
  elements: GraphElements,
  id: string | null,
): ReadonlySet<string> | undefined {
  if (id === null) return undefined;
  const near = new Set<string>();
  for (const line of elements.lines) {
    if (line.id === id || line.caller === id || line.callee === id) {
      near.add(line.id).add(line.caller).add(line.callee);
    }
  }
  if (elements.dots.some((dot) => dot.id === id)) near.add(id);
  return near.size === 0 ? undefined : near;
}

function teamFocus(elements: GraphElements, team: string | null): ReadonlySet<string> | undefined {
  if (team === null) return undefined;
  const own = new Set(elements.dots.filter((dot) => dot.team === team).map((dot) => dot.id));
  const focus = new Set(own);
  for (const line of elements.lines) {
    if (own.has(line.caller) || own.has(line.callee)) {
      focus.add(line.id).add(line.caller).add(line.callee);
    }
  }
  return focus;
}

/** Direct neighbours of a product stay, so that its edges to other products do not end in nothing. */
function hiddenByProduct(elements: GraphElements, product: string | null): ReadonlySet<string> {
  const hidden = new Set<string>();
  if (product === null) return hidden;
  const own = new Set(elements.dots.filter((dot) => dot.product === product).map((dot) => dot.id));
  const kept = new Set(own);
  for (const line of elements.lines) {
    if (own.has(line.caller) || own.has(line.callee)) kept.add(line.caller).add(line.callee);
    else hidden.add(line.id);
  }
  for (const dot of elements.dots) if (!kept.has(dot.id)) hidden.add(dot.id);
  return hidden;
}
