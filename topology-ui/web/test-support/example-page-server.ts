import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { GraphView, RevisionsView, StatusView, TrafficUpdate } from '@dotline/topology-ui/api';
import type { ShadowView } from '@dotline/topology-ui/shadow-view';
import { exampleDecisionCounts, exampleDecisions } from './example-decisions.js';
import {
  exampleEdgeDetail,
  exampleServiceDetail,
  exampleTrace,
  exampleTraceId,
} from './example-details.js';
import { exampleExplanation } from './example-explanation.js';
import { examplePreviewOf } from './example-preview.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Serves the built page and a generated mesh, for tests of the page alone. Tests change the mesh
 * and drop connections; the policy of what the page may load is as strict as in production.
 */
export class ExamplePageServer {
  private readonly server: Server;
  private readonly streams = new Set<ServerResponse>();
  private ticking: ReturnType<typeof setInterval> | undefined;
  private refusing = false;
  private trafficProblem: string | null = null;
  /** What a staged revision would change; none is staged unless a test says so. */
  shadow: ShadowView['shadow'] = null;

  private constructor(
    private readonly directory: string,
    private graph: GraphView,
  ) {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((cause: unknown) => {
        response.writeHead(500).end(String(cause));
      });
    });
  }

  /** Listens on a free port; traffic is sent every `tickMs`. */
  static async start(
    directory: string,
    graph: GraphView,
    options: { readonly tickMs: number; readonly port?: number },
  ): Promise<ExamplePageServer> {
    const created = new ExamplePageServer(directory, graph);
    await new Promise<void>((resolve) =>
      created.server.listen(options.port ?? 0, '127.0.0.1', resolve),
    );
    created.ticking = setInterval(() => created.sendTraffic(), options.tickMs);
    return created;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Replaces the mesh and tells every page. */
  setGraph(change: (graph: GraphView) => GraphView): void {
    this.graph = change(this.graph);
    this.send('graph', this.graph);
    this.sendTraffic();
  }

  setTrafficProblem(problem: string | null): void {
    this.trafficProblem = problem;
    this.sendTraffic();
  }

  /** Ends all event streams and refuses new ones until `accept`. */
  drop(): void {
    this.refusing = true;
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  accept(): void {
    this.refusing = false;
  }

  async close(): Promise<void> {
    clearInterval(this.ticking);
    this.drop();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private sendTraffic(): void {
    const update: TrafficUpdate = {
      atMs: Date.now(),
      services: Object.fromEntries(
        this.graph.services.map((service) => [service.name, service.traffic]),
      ),
      edges: Object.fromEntries(this.graph.edges.map((edge) => [edge.id, edge.traffic])),
      denials: this.graph.denials,
      trafficProblem: this.trafficProblem,
    };
    this.send('traffic', update);
  }

  private send(event: string, data: unknown): void {
    for (const stream of this.streams) {
      stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.url);
    if (pathname === '/api/events') return this.openStream(response);
    if (!pathname.startsWith('/api/')) return this.file(pathname, response);
    const body = this.api(pathname.split('/').slice(2).map(decodeURIComponent));
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { error: `There is no ${pathname}` }));
  }

  private openStream(response: ServerResponse): void {
    if (this.refusing) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(':\n\n');
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }

  private api([kind, first = '', second = '']: readonly string[]): unknown {
    switch (kind) {
      case 'graph':
        return this.graph;
      case 'status':
        return this.status();
      case 'objectives':
        return this.graph.services.flatMap((service) => service.objectives);
      case 'services':
        return exampleServiceDetail(this.graph, first);
      case 'edges': {
        const edge = this.graph.edges.find(({ id }) => id === `${first}->${second}`);
        return edge === undefined ? undefined : exampleEdgeDetail(this.graph, edge);
      }
      case 'explain':
        return exampleExplanation(this.graph, first, second);
      case 'revisions':
        return this.revisions();
      case 'request-decisions':
        return first === 'counts' ? exampleDecisionCounts() : exampleDecisions();
      case 'shadow':
        return { live: this.graph.revision.id, shadow: this.shadow };
      case 'previews':
        return examplePreviewOf(this.graph, first);
      case 'traces':
        return first === exampleTraceId ? exampleTrace() : undefined;
      default:
        return undefined;
    }
  }

  private revisions(): RevisionsView {
    const { id, commit, createdAtMs, enforcedInMs, rollback } = this.graph.revision;
    return {
      live: id,
      history: [
        {
          ...{ revision: id, commit, author: 'Ada', liveAtMs: createdAtMs, enforcedInMs, rollback },
          edges: { added: 1, removed: 0, changed: 0 },
          sidecars: 34,
        },
      ],
    };
  }

  private status(): StatusView {
    return {
      mesh: this.graph.mesh,
      revision: this.graph.revision,
      sidecars: this.graph.services.flatMap((service) =>
        service.instances.map((instance) => instance.sidecar),
      ),
      problems: this.graph.problems,
      rollout: this.graph.rollout,
      converged: this.graph.problems.length === 0,
      unavailable: [],
    };
  }

  private async file(pathname: string, response: ServerResponse): Promise<void> {
    const name = pathname === '/' ? '/index.html' : pathname;
    const content = await readFile(join(this.directory, name)).catch(() => undefined);
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': types[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': "default-src 'self'; style-src 'self' 'unsafe-inline'",
    });
    response.end(content);
  }
}
