// The xDS client of grpc-js, as a process, since it reads its bootstrap from the environment once
// (GRPC_XDS_BOOTSTRAP_CONFIG). The target is its argument. For each line on stdin it makes one call
// and writes one line: the code of the call, a tab, and the backend's answer or the error's text.
import { createInterface } from 'node:readline';
import { fromBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { backendMethod } from './grpc-method.js';

const timeoutMs = 5_000;

register();
const client = new Client(process.argv[2] ?? '', credentials.createInsecure());
const lines = createInterface({ input: process.stdin });
for await (const _line of lines) {
  process.stdout.write(`${await call()}\n`);
}
process.exit(0);

function call(): Promise<string> {
  const bytes = (value: Buffer) => value;
  const deadline = Date.now() + timeoutMs;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      ...([backendMethod, bytes, bytes, Buffer.alloc(0), { deadline }] as const),
      (error, answer) => {
        resolve(
          error
            ? `${error.code}\t${error.details.replaceAll('\n', ' ')}`
            : `0\t${fromBinary(StringValueSchema, answer ?? Buffer.alloc(0)).value}`,
        );
      },
    );
  });
}
