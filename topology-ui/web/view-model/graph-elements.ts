import type {
  DenialView,
  EdgeView,
  GraphView,
  ServiceView,
  TrafficUpdate,
  TrafficView,
} from '@dotline/topology-ui/api';
import { legibleColour, type Theme, textOn } from './colour.js';

/** A service as it is drawn. */
export interface Dot {
  readonly id: string;
  readonly team: string;
  readonly product: string;
  readonly colour: string;
  readonly textColour: string;
  /** Diameter in model pixels. */
  readonly size: number;
  /** `unknown`: no service of the catalog, only named by a denied attempt. */
  readonly health: ServiceView['health'] | 'unknown';
  readonly alert: 'ok' | 'ticket' | 'page';
  readonly instances: number;
  readonly ready: number;
  readonly traffic: TrafficView;
}

/** An edge, or denied attempts, as they are drawn. */
export interface Line {
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  readonly kind: 'allowed' | 'denied';
  readonly colour: string;
  /** Model pixels. */
  readonly width: number;
  readonly state: 'idle' | 'busy' | 'failing' | 'denied';
  readonly traffic: TrafficView;
  /** Attempts refused, of kind `denied`. */
  readonly deniedCount: number;
  /** Stands on the line in place of its figures, always; empty for a line without any. */
  readonly label?: string;
}

export interface GraphElements {
  readonly dots: readonly Dot[];
  readonly lines: readonly Line[];
}

export const noTraffic: TrafficView = {
  requestsPerSecond: 0,
  errorRate: 0,
  deniedPerSecond: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
};

/** From this share of failed requests on a line is drawn as failing. */
export const failingFrom = 0.01;

/** Dots for names outside the catalog are bounded: denied attempts can name anything. */
const strangersMax = 24;

export const dotSizeMin = 26;
export const dotSizeMax = 56;

/** Everything the graph draws, from the structure and the latest figures. Pure; sorted by id. */
export function graphElements(
  graph: GraphView,
  update: TrafficUpdate | null,
  theme: Theme,
): GraphElements {
  const colours = new Map(
    graph.teams.map((team) => [team.name, legibleColour(team.colour, theme)] as const),
  );
  const colourOf = (team: string) => colours.get(team) ?? legibleColour('', theme);
  const denied = groupDenials(update?.denials ?? graph.denials);
  const dots = graph.services.map((service) =>
    serviceDot(service, colourOf(service.team), update?.services[service.name] ?? service.traffic),
  );
  dots.push(...strangers(denied, new Set(graph.services.map((service) => service.name)), theme));
  const drawn = new Set(dots.map((dot) => dot.id));
  const lines = [
    ...graph.edges.map((edge) =>
      edgeLine(edge, colourOf(edge.team), update?.edges[edge.id] ?? edge.traffic),
    ),
    ...denied.map((group) => denialLine(group, theme)),
  ].filter((line) => drawn.has(line.caller) && drawn.has(line.callee));
  return { dots: dots.sort(byId), lines: lines.sort(byId) };
}

/** The line id of refused attempts between two services. */
export function denialId(caller: string, callee: string): string {
  return `denied:${caller}->${callee}`;
}

/** Diameter by request rate: each tenfold rate adds the same, within bounds. */
export function dotSize(requestsPerSecond: number): number {
  const size = dotSizeMin + 9 * Math.log10(1 + Math.max(0, requestsPerSecond));
  return Math.min(dotSizeMax, Math.round(size));
}

/** Width by request rate, log scale, in half pixels so that a small change redraws nothing. */
export function lineWidth(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return 1;
  const width = 1.5 + 1.6 * Math.log10(1 + requestsPerSecond);
  return Math.min(8, Math.round(width * 2) / 2);
}

export interface DenialGroup {
  readonly caller: string;
  readonly callee: string;
  readonly count: number;
  readonly lastAtMs: number;
  readonly attempts: readonly DenialView[];
}

/** Denied attempts by caller and callee, most frequent attempt first. */
export function groupDenials(denials: readonly DenialView[]): readonly DenialGroup[] {
  const groups = new Map<string, DenialView[]>();
  for (const denial of denials) {
    const id = denialId(denial.caller, denial.callee);
    groups.set(id, [...(groups.get(id) ?? []), denial]);
  }
  return [...groups.values()].map((attempts) => {
    const sorted = [...attempts].sort((a, b) => b.count - a.count);
    return {
      caller: sorted[0]?.caller ?? '',
      callee: sorted[0]?.callee ?? '',
      count: attempts.reduce((sum, attempt) => sum + attempt.count, 0),
      lastAtMs: Math.max(...attempts.map((attempt) => attempt.lastAtMs)),
      attempts: sorted,
    };
  });
}

function serviceDot(service: ServiceView, colour: string, traffic: TrafficView): Dot {
  const alerts = service.objectives.map((objective) => objective.alert);
  return {
    id: service.name,
    team: service.team,
    product: service.product,
    colour,
    textColour: textOn(colour),
    size: dotSize(traffic.requestsPerSecond),
    health: service.health,
    alert: alerts.includes('page') ? 'page' : alerts.includes('ticket') ? 'ticket' : 'ok',
    instances: service.instances.length,
    ready: service.instances.filter((instance) => instance.state === 'ready').length,
    traffic,
  };
}

function edgeLine(edge: EdgeView, colour: string, traffic: TrafficView): Line {
  const busy = traffic.requestsPerSecond > 0;
  const failing = busy && traffic.errorRate >= failingFrom;
  return {
    id: edge.id,
    caller: edge.caller,
    callee: edge.callee,
    kind: 'allowed',
    colour,
    width: lineWidth(traffic.requestsPerSecond),
    state: failing ? 'failing' : busy ? 'busy' : 'idle',
    traffic,
    deniedCount: 0,
  };
}

function denialLine(group: DenialGroup, theme: Theme): Line {
  return {
    id: denialId(group.caller, group.callee),
    caller: group.caller,
    callee: group.callee,
    kind: 'denied',
    colour: dangerColours[theme],
    width: 2,
    state: 'denied',
    traffic: noTraffic,
    deniedCount: group.count,
  };
}

/** Red of denials and failures; the same values stand in `styles/tokens.css`. */
export const dangerColours: Readonly<Record<Theme, string>> = {
  light: '#c8202f',
  dark: '#ff6b70',
};

function strangers(
  denied: readonly DenialGroup[],
  known: ReadonlySet<string>,
  theme: Theme,
): readonly Dot[] {
  const names = new Set(denied.flatMap((group) => [group.caller, group.callee]));
  const colour = legibleColour('', theme);
  return [...names]
    .filter((name) => !known.has(name) && name !== '')
    .sort()
    .slice(0, strangersMax)
    .map((name) => ({
      id: name,
      team: '',
      product: '',
      colour,
      textColour: textOn(colour),
      size: dotSizeMin,
      health: 'unknown',
      alert: 'ok',
      instances: 0,
      ready: 0,
      traffic: noTraffic,
    }));
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
