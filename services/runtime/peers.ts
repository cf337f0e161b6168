import { Agent } from 'undici';
import type { z } from 'zod';
import { Problem } from './problem.js';
import type { ServiceSettings } from './settings.js';

const TIMEOUT_MS = 5000;
const CONNECTIONS_PER_PEER_MAX = 32;
const BODY_BYTES_MAX = 1_048_576;

/** One request to another service. */
export interface PeerRequest {
  /** Name of the service, such as `fare`. */
  readonly callee: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query; encode parameters with `encodeURIComponent`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** What a peer, or the mesh in its place, answered. */
export interface PeerResponse {
  readonly status: number;
  /** Parsed JSON, or the text of another type; undefined when empty. */
  readonly body: unknown;
}

/** The peer answered with an error, or with something that is not what it promised. */
export class PeerError extends Problem {
  constructor(
    readonly callee: string,
    readonly answer: PeerResponse,
    detail: string,
  ) {
    super(answer.status === 503 ? 503 : 502, 'Peer failed', detail, {
      callee,
      calleeStatus: answer.status,
    });
    this.name = 'PeerError';
  }
}

/** No answer came: the sidecar does not listen, the connection broke, or time ran out. */
export class PeerUnreachable extends Problem {
  constructor(
    readonly callee: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(503, 'Peer unreachable', `${callee} did not answer: ${reason}`, { callee }, options);
    this.name = 'PeerUnreachable';
  }
}

/** Calls other services by name through the sidecar's socket; trace context travels with each call. */
export class Peers {
  readonly #agent: Agent;

  constructor(settings: Pick<ServiceSettings, 'DOTLINE_OUTBOUND'>) {
    this.#agent = new Agent({
      connect: { socketPath: settings.DOTLINE_OUTBOUND },
      connections: CONNECTIONS_PER_PEER_MAX,
      maxResponseSize: BODY_BYTES_MAX,
    });
  }

  /**
   * Sends a request and returns whatever status came.
   * @throws PeerUnreachable
   */
  async send(request: PeerRequest): Promise<PeerResponse> {
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    try {
      const response = await this.#agent.request({
        origin: `http://${request.callee}`,
        method: request.method,
        path: request.path,
        headers: {
          accept: 'application/json',
          ...(body === null ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
        body,
        signal: AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS),
      });
      return { status: response.statusCode, body: decode(await response.body.text()) };
    } catch (error) {
      throw new PeerUnreachable(request.callee, reasonOf(error), { cause: error });
    }
  }

  /**
   * Sends a request that should succeed, and parses the answer.
   * @throws PeerUnreachable
   * @throws PeerError when the status is not 2xx or the body not of `schema`
   */
  async call<Schema extends z.ZodType>(
    request: PeerRequest,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    const answer = await this.send(request);
    const what = `${request.callee} answered ${request.method} ${request.path} with`;
    if (answer.status < 200 || answer.status > 299)
      throw new PeerError(request.callee, answer, `${what} ${answer.status}`);
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
    throw new PeerError(request.callee, answer, `${what} an unexpected body: ${parsed.error}`);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function decode(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TimeoutError' ? 'timeout' : error.message;
}
