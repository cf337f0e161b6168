import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { eventually } from './real-envoy.js';

/** A bare gRPC client: sends the requests that a test writes, and keeps every response. */
class XdsClient<Request extends DescMessage, Response extends DescMessage> {
  readonly responses: MessageShape<Response>[] = [];
  error: ServiceError | undefined;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;

  constructor(
    port: number,
    method: string,
    private readonly request: Request,
    response: Response,
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#client = new Client(`localhost:${port}`, channel);
    const bytes = (value: Buffer) => value;
    this.#stream = this.#client.makeBidiStreamRequest(`/envoy.service.${method}`, bytes, bytes);
    this.#stream.on('data', (message: Buffer) => {
      this.responses.push(fromBinary(response, message));
    });
    this.#stream.on('error', (error: ServiceError) => {
      this.error = error;
    });
  }

  send(message: MessageInitShape<Request>): void {
    this.#stream.write(Buffer.from(toBinary(this.request, create(this.request, message))));
  }

  sendRaw(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  /** Stops reading, as a client that is busy or stuck. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Waits for the nth response, counted from 1. */
  response(count: number): Promise<MessageShape<Response>> {
    return eventually(() => {
      if (this.error !== undefined) {
        throw this.error;
      }
      return this.responses[count - 1];
    }, 5_000);
  }

  failure(): Promise<ServiceError> {
    return eventually(() => this.error, 5_000);
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }
}

export function deltaClient(port: number, channel?: ChannelCredentials, method = deltaAds) {
  return new XdsClient(
    port,
    method,
    DeltaDiscoveryRequestSchema,
    DeltaDiscoveryResponseSchema,
    channel,
  );
}

export function sotwClient(port: number, channel?: ChannelCredentials, method = sotwAds) {
  return new XdsClient(port, method, DiscoveryRequestSchema, DiscoveryResponseSchema, channel);
}

const deltaAds = 'discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const sotwAds = 'discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
