import { setImmediate as turn } from 'node:timers/promises';
import { create, fromBinary } from '@bufbuild/protobuf';
import { DeltaSubscription } from '../delta-subscription.js';
import { NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { PushQueue } from '../push-queue.js';
import type { ResourceSource } from '../resource-source.js';
import { ResponseEncoder } from '../response-encoder.js';
import { SotwSubscription } from '../sotw-subscription.js';
import { StreamSession } from '../stream-session.js';
import { isRootType, type TypeUrl } from '../type-url.js';
import { encodeDeltaResponse, encodeSotwResponse } from '../wire.js';

/** What a resource of these tests holds, so that a client can tell it from its bytes alone. */
type Content = readonly [name: string, version: string];

export function contentOf(name: string, version: string): Uint8Array {
  return Buffer.from(JSON.stringify([name, version] satisfies Content));
}

/**
 * A client with an aggregated stream to a session in this process: all of the server but gRPC. It
 * reads the bytes of each response, accepts it and keeps what it says.
 */
export abstract class SessionClient {
  readonly #held = new Map<TypeUrl, Map<string, string>>();
  readonly #names = new Map<TypeUrl, ReadonlySet<string>>();
  responseCount = 0;
  #unread = 0;

  /** What the client has of a type: versions by name. */
  held(typeUrl: TypeUrl): Map<string, string> {
    const known = this.#held.get(typeUrl) ?? new Map<string, string>();
    this.#held.set(typeUrl, known);
    return known;
  }

  /** Asks for these names of a type from now on, and for no others. */
  ask(typeUrl: TypeUrl, names: readonly string[]): void {
    const before = this.#names.get(typeUrl) ?? new Set<string>();
    this.#names.set(typeUrl, new Set(names));
    this.request(typeUrl, before);
    for (const name of this.held(typeUrl).keys()) {
      if (!this.wants(typeUrl, name)) {
        this.held(typeUrl).delete(name);
      }
    }
  }

  wants(typeUrl: TypeUrl, name: string): boolean {
    const names = this.names(typeUrl);
    return names.has('*') || names.has(name);
  }

  /** Waits until server and client have nothing left to say. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const before = this.responseCount;
      await turn();
      quiet = this.#unread === 0 && this.responseCount === before ? quiet + 1 : 0;
    }
  }

  abstract close(): void;

  protected names(typeUrl: TypeUrl): ReadonlySet<string> {
    return this.#names.get(typeUrl) ?? new Set();
  }

  protected abstract request(typeUrl: TypeUrl, namesBefore: ReadonlySet<string>): void;
  protected abstract read(message: Buffer): void;

  protected session<Request>(
    variant: 'sotw' | 'delta',
    encode: ConstructorParameters<typeof ResponseEncoder>[0],
    subscription: ConstructorParameters<typeof StreamSession<Request>>[0]['subscription'],
    source: ResourceSource,
    group: string,
  ): StreamSession<Request> {
    return new StreamSession<Request>({
      subscription,
      encoder: new ResponseEncoder(encode),
      pushes: new PushQueue(Number.POSITIVE_INFINITY),
      stream: {
        streamId: 1,
        method: variant,
        variant,
        peer: { address: '127.0.0.1:1', uris: [] },
        node: create(NodeSchema, { id: group }),
      },
      source,
      group,
      hooks: {},
      failed: (error) => {
        throw error;
      },
      write: (message, flushed) => {
        this.#unread += 1;
        setImmediate(() => {
          this.#unread -= 1;
          this.responseCount += 1;
          this.read(message);
          flushed();
        });
      },
      responseBytesMax: 60,
      phaseWaitMs: 10_000,
    });
  }
}

export class DeltaSessionClient extends SessionClient {
  readonly #session: StreamSession<Parameters<DeltaSubscription['apply']>[0]>;

  constructor(source: ResourceSource, group: string) {
    super();
    const subscription = (typeUrl: TypeUrl) => new DeltaSubscription(typeUrl);
    this.#session = this.session('delta', encodeDeltaResponse, subscription, source, group);
  }

  close(): void {
    this.#session.close();
  }

  protected request(typeUrl: TypeUrl, namesBefore: ReadonlySet<string>): void {
    const names = this.names(typeUrl);
    this.#session.request(typeUrl, {
      nonce: '',
      subscribe: [...names].filter((name) => !namesBefore.has(name)),
      unsubscribe: [...namesBefore].filter((name) => !names.has(name)),
      initialVersions: {},
    });
  }

  protected read(message: Buffer): void {
    const { typeUrl, nonce, resources, removedResources } = fromBinary(
      DeltaDiscoveryResponseSchema,
      message,
    );
    const held = this.held(typeUrl as TypeUrl);
    for (const { name, version, resource, aliases } of resources) {
      // "An otherwise empty resource" says that there is no virtual host of the name.
      if (resource === undefined && aliases.includes(name)) {
        held.delete(name);
        continue;
      }
      const content = Buffer.from(resource?.value ?? []).toString();
      if (content !== JSON.stringify([name, version])) {
        throw new Error(`${name} in version ${version} came as ${content}`);
      }
      if (this.wants(typeUrl as TypeUrl, name)) {
        held.set(name, version);
      }
    }
    for (const name of removedResources) {
      held.delete(name);
    }
    this.#session.request(typeUrl as TypeUrl, {
      nonce,
      subscribe: [],
      unsubscribe: [],
      initialVersions: {},
    });
  }
}

export class SotwSessionClient extends SessionClient {
  readonly #session: StreamSession<Parameters<SotwSubscription['apply']>[0]>;
  readonly #last = new Map<TypeUrl, { readonly nonce: string; readonly version: string }>();

  constructor(source: ResourceSource, group: string) {
    super();
    const subscription = (typeUrl: TypeUrl) => new SotwSubscription(typeUrl);
    this.#session = this.session('sotw', encodeSotwResponse, subscription, source, group);
  }

  close(): void {
    this.#session.close();
  }

  protected request(typeUrl: TypeUrl): void {
    const { nonce, version } = this.#last.get(typeUrl) ?? { nonce: '', version: '' };
    this.#session.request(typeUrl, { nonce, version, names: [...this.names(typeUrl)] });
  }

  protected read(message: Buffer): void {
    const response = fromBinary(DiscoveryResponseSchema, message);
    const typeUrl = response.typeUrl as TypeUrl;
    const held = this.held(typeUrl);
    if (isRootType(typeUrl)) {
      held.clear();
    }
    for (const { value } of response.resources) {
      const [name, version] = JSON.parse(Buffer.from(value).toString()) as Content;
      if (this.wants(typeUrl, name)) {
        held.set(name, version);
      }
    }
    this.#last.set(typeUrl, { nonce: response.nonce, version: response.versionInfo });
    this.request(typeUrl);
  }
}
