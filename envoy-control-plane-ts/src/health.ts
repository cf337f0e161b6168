import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';

/** How soon a client that watches learns of a change. */
const watchMs = 1_000;

/** https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto */
const serving = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;
type Serving = keyof typeof serving;

interface Asked {
  readonly service: string;
}

const codec = {
  requestSerialize: ({ service }: Asked) => Buffer.from(service),
  requestDeserialize: decodeRequest,
  responseSerialize: (state: Serving) => Buffer.from([1 << 3, serving[state]]),
  responseDeserialize: (bytes: Buffer): Serving => (bytes[1] === 1 ? 'SERVING' : 'NOT_SERVING'),
};

/**
 * `grpc.health.v1.Health`, which load balancers, Kubernetes and gRPC clients ask:
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export class Health {
  readonly #watchers = new Set<ServerWritableStream<Asked, Serving>>();
  readonly #services: ReadonlySet<string>;
  #closed = false;

  /** @param services have the state of the whole server, whose name is ''. */
  constructor(
    private readonly isReady: () => boolean,
    services: Iterable<string>,
  ) {
    this.#services = new Set(['', ...services]);
  }

  readonly definition: ServiceDefinition = {
    check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      ...codec,
    },
    watch: {
      path: '/grpc.health.v1.Health/Watch',
      requestStream: false,
      responseStream: true,
      ...codec,
    },
  };

  get handlers(): {
    readonly check: handleUnaryCall<Asked, Serving>;
    readonly watch: handleServerStreamingCall<Asked, Serving>;
  } {
    return {
      check: ({ request }, answer) => {
        const state = this.#state(request.service);
        if (state === 'SERVICE_UNKNOWN') {
          const details = `there is no service ${request.service} here`;
          answer({ code: status.NOT_FOUND, details });
        } else {
          answer(null, state);
        }
      },
      watch: (call) => this.#watch(call),
    };
  }

  /** Says NOT_SERVING from now on, and ends the watches. */
  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) {
      watcher.write('NOT_SERVING');
      watcher.end();
    }
    this.#watchers.clear();
  }

  #state(service: string): Serving {
    if (!this.#services.has(service)) {
      return 'SERVICE_UNKNOWN';
    }
    return !this.#closed && this.isReady() ? 'SERVING' : 'NOT_SERVING';
  }

  #watch(call: ServerWritableStream<Asked, Serving>): void {
    let told: Serving | undefined;
    const tell = () => {
      const state = this.#state(call.request.service);
      // "the server … will then subsequently send a new message whenever the service's serving
      // status changes".
      if (state !== told && !call.writableNeedDrain) {
        told = state;
        call.write(state);
      }
    };
    const timer = setInterval(tell, watchMs).unref();
    const over = () => {
      clearInterval(timer);
      this.#watchers.delete(call);
    };
    call.on('cancelled', over);
    call.on('close', over);
    call.on('error', over);
    this.#watchers.add(call);
    tell();
  }
}

/** Reads `HealthCheckRequest { service }`. */
function decodeRequest(bytes: Buffer): Asked {
  const reader = new BinaryReader(bytes);
  let service = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) {
      service = reader.string();
    } else {
      reader.skip(wireType, field);
    }
  }
  return { service };
}
