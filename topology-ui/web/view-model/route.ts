/** The address bar as a value: which view, what is selected, what is filtered. Links survive reloads. */

export type ViewName = 'graph' | 'list' | 'objectives' | 'sidecars' | 'preview';

export type Selection =
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'edge'; readonly caller: string; readonly callee: string }
  | { readonly kind: 'denial'; readonly caller: string; readonly callee: string }
  | { readonly kind: 'trace'; readonly traceId: string };

export interface Route {
  readonly view: ViewName;
  readonly selection: Selection | null;
  /** Which preview, in the view of that name. */
  readonly preview?: string;
  /** Only this team's dots and lines stand out. */
  readonly team: string | null;
  /** Only this product and its neighbours are drawn. */
  readonly product: string | null;
}

export const home: Route = { view: 'graph', selection: null, team: null, product: null };

const views: readonly ViewName[] = ['graph', 'list', 'objectives', 'sidecars', 'preview'];

/** Reads `location.hash`; what cannot be read is left out, never thrown. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', kind = '', ...names] = path.split('/').map(decode);
  const parameters = new URLSearchParams(query);
  return {
    ...(first === 'preview' && kind !== '' ? { preview: kind } : {}),
    view: views.find((view) => view === first) ?? 'graph',
    selection: first === 'preview' ? null : parseSelection(kind, names),
    team: parameters.get('team'),
    product: parameters.get('product'),
  };
}

/** The hash that `parseRoute` reads back to the same route. */
export function formatRoute(route: Route): string {
  const rest =
    route.view === 'preview' ? [route.preview ?? []].flat() : selectionPath(route.selection);
  const path = [route.view, ...rest].map(encodeURIComponent).join('/');
  const parameters = new URLSearchParams();
  if (route.team !== null) parameters.set('team', route.team);
  if (route.product !== null) parameters.set('product', route.product);
  const query = parameters.toString();
  return `#/${path}${query === '' ? '' : `?${query}`}`;
}

/** Whether two selections mean the same thing. */
export function sameSelection(a: Selection | null, b: Selection | null): boolean {
  return selectionPath(a).join('\n') === selectionPath(b).join('\n');
}

function selectionPath(selection: Selection | null): readonly string[] {
  switch (selection?.kind) {
    case 'service':
      return ['service', selection.name];
    case 'edge':
    case 'denial':
      return [selection.kind, selection.caller, selection.callee];
    case 'trace':
      return ['trace', selection.traceId];
    default:
      return [];
  }
}

function parseSelection(
  kind: string,
  [first = '', second = '']: readonly string[],
): Selection | null {
  if (first === '') return null;
  if (kind === 'service') return { kind, name: first };
  if (kind === 'trace') return { kind, traceId: first };
  if ((kind === 'edge' || kind === 'denial') && second !== '') {
    return { kind, caller: first, callee: second };
  }
  return null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
