import type { z } from 'zod';
import type { Logger } from '../logger.js';
import { type PeerRequest, type PeerResponse, type Peers, PeerUnreachable } from '../peers.js';
import type { Counts } from './counts.js';

/** A request, and the operation that it uses. */
export interface Call extends PeerRequest {
  /** Name inside the callee, such as `estimate`. */
  readonly operation: string;
  /** Statuses that the person's app knows what to do with. */
  readonly expect: readonly number[];
}

/** A person waits longer than a service does, so that she sees what the service made of it. */
const PATIENCE_MS = 15_000;

/** A journey cannot go on: something answered what the app does not understand, or nothing did. */
export class JourneyEnded extends Error {
  constructor(
    /** Such as `orders.create 503`. */
    readonly where: string,
    options?: ErrorOptions,
  ) {
    super(`journey ended at ${where}`, options);
    this.name = 'JourneyEnded';
  }
}

/** Sends requests and counts every one of them. */
export class Phone {
  constructor(
    private readonly peers: Peers,
    private readonly counts: Counts,
    private readonly log: Logger,
    /** What no policy lets the app do. Harmless, should a policy be wrong: each would be refused by the service too. */
    private readonly forbidden: readonly Omit<Call, 'expect'>[],
    /** Share of calls before which something forbidden is tried, 0 to 1. */
    private readonly forbiddenShare: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** @throws JourneyEnded unless the status is one that the call expects */
  async send(call: Call): Promise<PeerResponse> {
    if (this.random() < this.forbiddenShare) await this.#tryForbidden();
    const { answer, error } = await this.#attempt(call);
    const status = answer?.status ?? 0;
    this.counts.request(call.callee, call.operation, status);
    if (answer !== undefined && call.expect.includes(status)) return answer;
    const where = `${call.callee}.${call.operation} ${status}`;
    this.log.warn({ err: error, status, body: answer?.body }, `unexpected: ${where}`);
    throw new JourneyEnded(where, { cause: error });
  }

  /** @throws JourneyEnded unless the status is expected and the body of `schema` */
  async ask<Schema extends z.ZodType>(call: Call, schema: Schema): Promise<z.output<Schema>> {
    const { body } = await this.send(call);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new JourneyEnded(`${call.callee}.${call.operation} body`, { cause: parsed.error });
  }

  async #tryForbidden(): Promise<void> {
    const call = this.forbidden[Math.floor(this.random() * this.forbidden.length)];
    if (call === undefined) return;
    const status = (await this.#attempt(call)).answer?.status ?? 0;
    this.counts.forbidden(call.callee, call.operation, status);
    if (status !== 403)
      this.log.error({ status }, `forbidden ${call.callee}.${call.operation} was not denied`);
  }

  async #attempt(
    request: PeerRequest,
  ): Promise<{ answer?: PeerResponse; error?: PeerUnreachable }> {
    try {
      return { answer: await this.peers.send({ timeoutMs: PATIENCE_MS, ...request }) };
    } catch (error) {
      if (error instanceof PeerUnreachable) return { error };
      throw error;
    }
  }
}
