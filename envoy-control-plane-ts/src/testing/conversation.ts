import { ServerCredentials } from '@grpc/grpc-js';
import { rawResource, type TypedResource } from '../resource.js';
import { SnapshotCache } from '../snapshot-cache.js';
import { TypeUrl } from '../type-url.js';
import { XdsServer } from '../xds-server.js';
import { cluster, endpoints, listener, routes } from './hello-resources.js';
import { split } from './subscription-script.js';
import { deltaClient, sotwClient } from './xds-client.js';

export type ConversationType = 'Cluster' | 'Endpoint' | 'Listener' | 'Route';

/** What a request says beside its type and the names that it asks for. */
export interface Say {
  /** Incremental: names that are unsubscribed from. */
  readonly drops?: string;
  /** Incremental: `initial_resource_versions`, as words. */
  readonly states?: string;
  /** Instead of that of the last response of the type. */
  readonly nonce?: string;
  /** State of the world: instead of that of the last response of the type. */
  readonly version?: string;
  readonly nacks?: true;
}

const node = { id: 'node-1' };
const probesMax = 200;
const rejection = { code: 13, message: 'bad' };

/**
 * A client on a real aggregated stream to a real server, in words: `a1` is the resource `a` with
 * content 1, `-a` one that is removed.
 */
export class Conversation {
  readonly answers: string[] = [];
  readonly #cache = new SnapshotCache();
  readonly #snapshot: Partial<Record<TypeUrl, TypedResource[]>> = {
    [TypeUrl.Secret]: Array.from({ length: probesMax }, (_, index) =>
      rawResource({ typeUrl: TypeUrl.Secret, name: `probe${index}`, value: Buffer.of(index) }),
    ),
  };
  readonly #server: XdsServer;
  readonly #words = new Map<string, string>();
  readonly #nonces = new Map<string, string>();
  readonly #versions = new Map<string, string>();
  readonly #names = new Map<ConversationType, string>();
  #client: ReturnType<typeof sotwClient> | ReturnType<typeof deltaClient> | undefined;
  #port = 0;
  #read = 0;
  #probes = 0;

  private constructor(readonly variant: 'sotw' | 'delta') {
    const note = (kind: string) => (event: { typeUrl: string; nonce: string }) =>
      this.answers.push(`${kind} ${shortOf(event.typeUrl)}`);
    this.#server = new XdsServer({
      cache: this.#cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: { acked: note('ACK'), nacked: note('NACK') },
    });
  }

  static async start(variant: 'sotw' | 'delta'): Promise<Conversation> {
    const conversation = new Conversation(variant);
    conversation.#port = await conversation.#server.listen('127.0.0.1:0');
    conversation.connect();
    return conversation;
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await this.#server.close({ graceMs: 0 });
  }

  /** A new stream; the client keeps the versions that it has, and its nonces, to use them wrongly. */
  connect(): void {
    this.#client?.close();
    this.#client = this.variant === 'sotw' ? sotwClient(this.#port) : deltaClient(this.#port);
    this.#read = 0;
  }

  /** The server's resources of these types are now these, at once. */
  has(words: Partial<Record<ConversationType, string>>): void {
    for (const [type, list] of Object.entries(words) as [ConversationType, string][]) {
      this.#snapshot[TypeUrl[type]] = split(list).map((word) => this.#resource(type, word));
    }
    this.#cache.setSnapshot(node.id, this.#snapshot);
  }

  /**
   * @param names state of the world: all that the client asks for; incremental: subscribed to. Words;
   * `''` stands for the empty name
   */
  asks(type: ConversationType, names = '', say: Say = {}): void {
    const { nonce = this.#nonces.get(type) ?? '', nacks, drops = '', states = '' } = say;
    const { version = this.#versions.get(type) ?? '' } = say;
    const list = split(names).map((name) => (name === "''" ? '' : name));
    this.#names.set(type, names);
    const common = {
      node,
      typeUrl: TypeUrl[type],
      responseNonce: nonce,
      ...(nacks && { errorDetail: rejection }),
    };
    this.#send(
      { ...common, resourceNames: list, versionInfo: version },
      {
        ...common,
        resourceNamesSubscribe: list,
        resourceNamesUnsubscribe: split(drops),
        initialResourceVersions: Object.fromEntries(
          split(states).map((word) => {
            const { name, version: held } = this.#resource(type, word);
            return [name, held];
          }),
        ),
      },
    );
  }

  /** Accepts the last response of a type. */
  acks(type: ConversationType): void {
    this.asks(type, this.variant === 'sotw' ? this.#names.get(type) : '');
  }

  nacks(type: ConversationType): void {
    this.asks(type, this.variant === 'sotw' ? this.#names.get(type) : '', { nacks: true });
  }

  nonceOf(type: ConversationType): string {
    return this.#nonces.get(type) ?? '';
  }

  versionOf(type: ConversationType): string {
    return this.#versions.get(type) ?? '';
  }

  /** The next response: `Cluster a1 b1 -c`. */
  async hears(): Promise<string> {
    this.#read += 1;
    const response = await this.#client?.response(this.#read);
    if (response === undefined) {
      throw new Error('there is no stream');
    }
    const type = shortOf(response.typeUrl);
    this.#nonces.set(type, response.nonce);
    const words: string[] = [];
    if (response.$typeName === 'envoy.service.discovery.v3.DiscoveryResponse') {
      this.#versions.set(type, response.versionInfo);
      words.push(...response.resources.map(({ value }) => this.#wordOf(value)));
    } else {
      words.push(...response.resources.map((one) => this.#wordOf(one.resource?.value)));
      words.push(...response.removedResources.map((name) => `-${name}`));
    }
    return [type, ...words.sort()].join(' ');
  }

  /**
   * The server has read everything and sends nothing more: it is asked for something else, twice,
   * since it may have been writing when it was asked first.
   */
  async hearsNothingElse(): Promise<string> {
    const heard: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const names = [`probe${this.#probes}`];
      this.#probes += 1;
      this.#probe(names);
      for (
        let answer = await this.hears();
        answer !== 'Secret probe';
        answer = await this.hears()
      ) {
        heard.push(answer);
      }
      this.#probe(this.variant === 'sotw' ? names : []);
    }
    return heard.join(' | ');
  }

  #probe(names: string[]): void {
    const responseNonce = this.#nonces.get('Secret') ?? '';
    const common = { node, typeUrl: TypeUrl.Secret, responseNonce };
    this.#send({ ...common, resourceNames: names }, { ...common, resourceNamesSubscribe: names });
  }

  #send(
    sotw: Parameters<ReturnType<typeof sotwClient>['send']>[0],
    delta: Parameters<ReturnType<typeof deltaClient>['send']>[0],
  ): void {
    if (this.variant === 'sotw') {
      (this.#client as ReturnType<typeof sotwClient>).send(sotw);
    } else {
      (this.#client as ReturnType<typeof deltaClient>).send(delta);
    }
  }

  #wordOf(value: Uint8Array = new Uint8Array()): string {
    return this.#words.get(Buffer.from(value).toString('hex')) ?? 'probe';
  }

  #resource(type: ConversationType, word: string): TypedResource {
    const [, name = word, digits = ''] = /^(.*?)(\d*)$/.exec(word) ?? [];
    const content = Number(digits);
    const made = {
      Cluster: () => cluster(name, 1_000 + content),
      Endpoint: () => endpoints(name, 1 + content),
      Listener: () => listener(name, 1 + content, { routes: 'r' }),
      Route: () => routes(name, 'c', word),
    }[type]();
    this.#words.set(Buffer.from(made.value).toString('hex'), word);
    return made;
  }
}

function shortOf(typeUrl: string): string {
  return Object.entries(TypeUrl).find(([, url]) => url === typeUrl)?.[0] ?? typeUrl;
}
