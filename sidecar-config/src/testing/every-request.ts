import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:http2';
import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import type { Identity } from './certificate-authority.js';

/** One way to ask a service for something: an operation's own, or one that only looks like it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
}

/** What a caller's sidecar or a callee's sidecar made of a request. */
export interface Outcome extends Asked {
  readonly caller: string;
  readonly callee: string;
  readonly status: number;
  /** The app that answered; empty when a sidecar did. */
  readonly instance: string;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];
const AT_ONCE = 40;

/** Each operation's path with every method, and the near misses of the path with the operation's own. */
export function requestsOf({ operations }: Service): Asked[] {
  const requests = operations.flatMap((operation) => {
    const path = operation.path.replaceAll(/\{[^}]*\}/g, '7');
    const misses = [`${path}/deeper`, `${path}/`, `/.${path}`, path.toUpperCase(), hidden(path)];
    return [
      ...METHODS.map((method) => ({ method, path })),
      ...misses.map((miss) => ({ method: operation.method, path: miss })),
    ];
  });
  return [...new Map(requests.map((each) => [`${each.method} ${each.path}`, each])).values()];
}

/** Each operation's own request, and one that hides a slash. */
export function plainRequestsOf(service: Service): Asked[] {
  const own = new Set(service.operations.map(({ method }) => method));
  return requestsOf(service).filter(
    ({ method, path }) =>
      operationAsked(service, { method, path }) !== undefined ||
      (path.includes('%2F') && own.has(method)),
  );
}

/** The last slash but the first as `%2F`. */
function hidden(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 1 ? `${path}%2F` : `${path.slice(0, at)}%2F${path.slice(at + 1)}`;
}

/**
 * What a request asks for, read from the definition of path templates and not from how Envoy is told of them:
 * of the operations whose method and template fit, the one that is literal where the others have a parameter.
 */
export function operationAsked(service: Service, { method, path }: Asked): Operation | undefined {
  const asked = path.replace(/^\/\./, '').split('/');
  const fits = (operation: Operation) => {
    const template = operation.path.split('/');
    return (
      operation.method === method &&
      template.length === asked.length &&
      template.every((segment, index) =>
        segment.startsWith('{') ? asked[index] !== '' : segment === asked[index],
      )
    );
  };
  // A literal sorts before a parameter when each segment is written as one letter.
  const shape = ({ path: template }: Operation) =>
    template
      .split('/')
      .map((segment) => (segment.startsWith('{') ? 'p' : 'l'))
      .join('');
  return service.operations.filter(fits).sort((a, b) => (shape(a) < shape(b) ? -1 : 1))[0];
}

/** Looks up what edges say of a request: 400 for one that hides a slash, 200 or 403. */
export function statusByEdges(mesh: Mesh, edges: readonly Edge[]) {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const allowed = new Set(
    edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation }) => `${caller} ${operation}`),
    ),
  );
  return (caller: string, callee: string, asked: Asked): number => {
    if (asked.path.includes('%2F')) return 400;
    const service = services.get(callee);
    const operation = service && operationAsked(service, asked);
    return operation !== undefined && allowed.has(`${caller} ${operation.id}`) ? 200 : 403;
  };
}

/** Sends requests straight to a callee's sidecar over one connection, as whoever the identity says. */
export async function askCallee(
  caller: string,
  identity: Identity,
  target: Instance,
  requests: readonly Asked[],
): Promise<Outcome[]> {
  const session = connect(`https://${target.address}:${target.port}`, {
    rejectUnauthorized: false,
    cert: identity.certificate,
    key: identity.key,
  });
  try {
    await once(session, 'connect');
    return await inBatches(requests, async ({ method, path }) => {
      const stream = session.request({ ':method': method, ':path': path, ':authority': 'x' });
      let body = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      stream.end();
      const [[headers]] = await Promise.all([once(stream, 'response'), once(stream, 'end')]);
      return outcomeOf(caller, target.service, { method, path }, Number(headers[':status']), body);
    });
  } finally {
    session.destroy();
  }
}

/** Sends requests as an app does: to its own sidecar's socket, over connections that are kept. */
export async function askThrough(
  socketPath: string,
  caller: string,
  requests: readonly (Asked & { readonly callee: string })[],
): Promise<Outcome[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  try {
    return await inBatches(requests, async ({ callee, method, path }) => {
      const sent = request({ socketPath, agent, method, path, headers: { host: callee } });
      sent.end();
      const [answer] = await once(sent, 'response');
      let body = '';
      for await (const chunk of answer.setEncoding('utf8')) body += chunk;
      return outcomeOf(caller, callee, { method, path }, answer.statusCode, body);
    });
  } finally {
    agent.destroy();
  }
}

function outcomeOf(caller: string, callee: string, asked: Asked, status: number, body: string) {
  const instance = status === 200 ? String(JSON.parse(body).instance) : '';
  return { ...asked, caller, callee, status, instance };
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  }
  return results;
}
