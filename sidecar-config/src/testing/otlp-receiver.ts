import { once } from 'node:events';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fromBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ExportLogsServiceRequestSchema } from 'envoy-control-plane-ts/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb';
import { ExportTraceServiceRequestSchema } from 'envoy-control-plane-ts/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb';
import type { Identity } from './certificate-authority.js';
import { eventually } from './eventually.js';

/** An access-log record, flat. */
export interface LogRecord {
  readonly timeMs: number;
  readonly traceId: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A span, as far as tests look. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly service: string;
}

/** What came over HTTP, and who sent it. */
export interface HttpExport {
  readonly path: string;
  readonly body: string;
  /** Subject alternative names of the client's certificate. */
  readonly client: string;
}

/** A collector of OTLP over gRPC and HTTP with mutual TLS that keeps what it gets. */
export class OtlpReceiver {
  readonly records: LogRecord[] = [];
  readonly spans: Span[] = [];
  readonly httpExports: HttpExport[] = [];
  /** How many exports to refuse before one is taken. */
  refusals = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly httpServer: HttpsServer,
    readonly httpPort: number,
  ) {}

  static async start(address: string, identity: Identity): Promise<OtlpReceiver> {
    const server = new Server();
    let receiver: OtlpReceiver | undefined;
    addExport(server, 'logs.v1.LogsService', (request) => receiver?.takeLogs(request) ?? false);
    addExport(server, 'trace.v1.TraceService', (request) => receiver?.takeSpans(request) ?? false);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${address}:0`, mutualTls(identity), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const httpServer = createHttpsServer({
      cert: identity.certificate,
      key: identity.key,
      ca: identity.bundle,
      requestCert: true,
    });
    httpServer.listen(0, address);
    await once(httpServer, 'listening');
    const { port: httpPort } = httpServer.address() as AddressInfo;
    const started = new OtlpReceiver(server, port, httpServer, httpPort);
    receiver = started;
    httpServer.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const client = (request.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '';
      started.httpExports.push({ path: request.url ?? '', body, client });
      response.end();
    });
    return started;
  }

  /** The first record whose attributes include all of `wanted`; waits for it. */
  async record(wanted: Readonly<Record<string, string>>): Promise<LogRecord> {
    return eventually(`log record ${JSON.stringify(wanted)}`, async () =>
      this.records.find((record) =>
        Object.entries(wanted).every(([key, value]) => record.attributes[key] === value),
      ),
    );
  }

  /** The spans of a trace, once there are `count`. */
  async spansOf(traceId: string, count: number): Promise<Span[]> {
    return eventually(
      `${count} spans of ${traceId}`,
      async () => {
        const spans = this.spans.filter((span) => span.traceId === traceId);
        return spans.length >= count ? spans : undefined;
      },
      20_000,
    );
  }

  stop(): void {
    this.server.forceShutdown();
    this.httpServer.closeAllConnections();
    this.httpServer.close();
  }

  private takeLogs(request: Buffer): boolean {
    if (this.refusals > 0) {
      this.refusals -= 1;
      return false;
    }
    for (const { resource, scopeLogs } of fromBinary(ExportLogsServiceRequestSchema, request)
      .resourceLogs) {
      for (const record of scopeLogs.flatMap((scope) => scope.logRecords)) {
        this.records.push({
          timeMs: Number(record.timeUnixNano / 1_000_000n),
          traceId: Buffer.from(record.traceId).toString('hex'),
          resource: flat(resource?.attributes ?? []),
          attributes: flat(record.attributes),
        });
      }
    }
    return true;
  }

  private takeSpans(request: Buffer): boolean {
    for (const { resource, scopeSpans } of fromBinary(ExportTraceServiceRequestSchema, request)
      .resourceSpans) {
      const service = flat(resource?.attributes ?? [])['service.name'] ?? '';
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        const traceId = Buffer.from(span.traceId).toString('hex');
        this.spans.push({ name: span.name, traceId, service });
      }
    }
    return true;
  }
}

/** Server credentials that ask for a certificate of the same root. */
export function mutualTls(identity: Identity): ServerCredentials {
  return ServerCredentials.createSsl(
    Buffer.from(identity.bundle),
    [{ cert_chain: Buffer.from(identity.certificate), private_key: Buffer.from(identity.key) }],
    true,
  );
}

function addExport(server: Server, service: string, take: (request: Buffer) => boolean): void {
  const definition = {
    path: `/opentelemetry.proto.collector.${service}/Export`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  server.addService(
    { export: definition },
    {
      export: (
        call: { request: Buffer },
        done: (error: Error | null, value?: Buffer) => void,
      ): void => {
        if (take(call.request)) done(null, Buffer.alloc(0));
        else done(Object.assign(new Error('not now'), { code: 14 }));
      },
    },
  );
}

function flat(
  attributes: readonly { key: string; value?: { value: { value?: unknown } } | undefined }[],
): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(value?.value.value)]));
}
