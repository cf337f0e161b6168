import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { backendMethod } from './grpc-method.js';

/** A real gRPC server behind a gRPC client; answers with its name. */
export class GrpcBackend {
  private constructor(
    private readonly server: Server,
    readonly name: string,
    readonly port: number,
  ) {}

  static async start(name: string): Promise<GrpcBackend> {
    const server = new Server();
    const answer = Buffer.from(
      toBinary(StringValueSchema, create(StringValueSchema, { value: name })),
    );
    const bytes = (value: Buffer) => value;
    server.addService(
      {
        name: {
          path: backendMethod,
          requestStream: false,
          responseStream: false,
          requestSerialize: bytes,
          requestDeserialize: bytes,
          responseSerialize: bytes,
          responseDeserialize: bytes,
        },
      },
      {
        name: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
          done(null, answer),
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return new GrpcBackend(server, name, port);
  }

  stop(): void {
    this.server.forceShutdown();
  }
}
