/**
 * Turns descriptors/otlp.binpb into src/gen/: OTLP's messages as TypeScript, with decoders and
 * encoders. Run `go run .` in descriptors/ first when the version of OTLP changes (needs Go).
 *
 * ts-proto is a protoc plugin: it reads a CodeGeneratorRequest on stdin and writes a
 * CodeGeneratorResponse on stdout, so no protoc is needed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const OPTIONS = [
  'env=node',
  'forceLong=bigint',
  'oneof=unions-value',
  'importSuffix=.js',
  'outputServices=none',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
];

const workspace = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(workspace, 'src', 'gen');
const set = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(join(workspace, 'descriptors', 'otlp.binpb')),
);
const request = create(CodeGeneratorRequestSchema, {
  fileToGenerate: set.file.map((file) => file.name),
  parameter: OPTIONS.join(','),
  protoFile: set.file,
});

const plugin = createRequire(import.meta.url).resolve('ts-proto/protoc-gen-ts_proto');
const run = spawnSync(process.execPath, [plugin], {
  input: toBinary(CodeGeneratorRequestSchema, request),
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['pipe', 'pipe', 'inherit'],
});
if (run.status !== 0) throw new Error(`protoc-gen-ts_proto ended with ${run.status ?? run.signal}`);
const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
if (response.error) throw new Error(`protoc-gen-ts_proto: ${response.error}`);

rmSync(target, { recursive: true, force: true });
for (const file of response.file) {
  const path = join(target, file.name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, file.content);
}
