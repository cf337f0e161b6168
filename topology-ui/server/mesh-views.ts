import type { GraphView, StatusView, TeamView, TrafficUpdate } from './api.js';
import type { MeshStructure } from './mesh-structure.js';
import { currentRollout } from './rollout-view.js';
import {
  edgeViews,
  type LiveStructure,
  revisionView,
  serviceViews,
  sidecarViews,
} from './structure-view.js';
import { NO_TRAFFIC, type TrafficViews } from './traffic-view.js';

/** Teams by name, as the API shows them. */
export function teamViews({ live }: LiveStructure): TeamView[] {
  return live.revision.mesh.teams.map(({ name, colour, contact }) => ({ name, colour, contact }));
}

/** The whole picture. */
export function graphView(
  structure: LiveStructure,
  traffic: TrafficViews,
  trafficProblem: string | null,
): GraphView {
  return {
    mesh: structure.live.revision.mesh.name,
    revision: revisionView(structure.live),
    teams: teamViews(structure),
    services: serviceViews(structure, traffic),
    edges: edgeViews(structure, traffic),
    denials: traffic.denials,
    problems: structure.problems,
    rollout: currentRollout(structure.rollout, structure.live),
    trafficProblem,
  };
}

/** Figures for everything in the picture, so that what fell silent is set to zero. */
export function trafficUpdate(
  structure: MeshStructure | undefined,
  traffic: TrafficViews,
  atMs: number,
  trafficProblem: string | null,
): TrafficUpdate {
  const revision = structure?.live?.revision;
  const figures = (known: readonly string[], views: TrafficViews['edges']) =>
    Object.fromEntries(known.map((key) => [key, views.get(key) ?? NO_TRAFFIC]));
  return {
    atMs,
    services: figures(revision?.mesh.services.map(({ name }) => name) ?? [], traffic.services),
    edges: figures(revision?.edges.map(({ id }) => id) ?? [], traffic.edges),
    denials: traffic.denials,
    trafficProblem,
  };
}

/** How far the live revision is enforced, and what does not answer. */
export function statusView(
  structure: MeshStructure | undefined,
  unavailable: StatusView['unavailable'],
): StatusView {
  const live = structure?.live;
  const sidecars = structure === undefined ? [] : sidecarViews(structure);
  const problems = structure?.problems ?? [];
  const rollout = currentRollout(structure?.rollout, live);
  return {
    mesh: live?.revision.mesh.name ?? '',
    revision: live === undefined ? null : revisionView(live),
    sidecars,
    problems,
    rollout,
    converged:
      live !== undefined &&
      problems.length === 0 &&
      rollout === null &&
      sidecars.every(({ holdsLiveRevision }) => holdsLiveRevision) &&
      // Before the first instance registers nothing is enforced yet.
      (sidecars.length > 0 || live.revision.mesh.services.length === 0),
    unavailable,
  };
}
