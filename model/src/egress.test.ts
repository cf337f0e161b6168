import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadMesh } from './load-mesh.js';
import { formatProblem, MeshError } from './mesh-error.js';

const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const FILE = 'services/hello/card-network/service.yaml';
const SERVICE = `apiVersion: dotline/v1
name: card-network
team: hosts
product: hello
tier: critical
description: Where cards are charged
egress:
  hosts:
    - { host: "api.cards.example:443" }
    - { host: "files.cards.example:8443", address: "127.0.0.9:9443", ca: ca.pem }
operations:
  - { name: charge, class: write, host: "api.cards.example:443", method: POST, path: /v1/charges }
  - { name: read, class: read, host: "api.cards.example:443", method: GET, path: "/v1/{kind}" }
  - { name: same, class: read, host: "files.cards.example:8443", method: GET, path: "/v1/{kind}" }
  - { name: files, class: read, host: "files.cards.example:8443", method: GET, path: "/**" }
placement: [cell-1]
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mesh-'));
  for (const part of ['mesh.yaml', 'services'])
    await cp(join(HELLO, part), join(directory, part), { recursive: true });
  await write('services/hello/card-network/ca.pem', rootCertificates[0] ?? '');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, file)), { recursive: true });
  await writeFile(join(directory, file), text);
}

async function problemsOf(text: string): Promise<string[]> {
  await write(FILE, text);
  const error: unknown = await loadMesh(directory).catch((thrown: unknown) => thrown);
  return error instanceof MeshError ? error.problems.map(formatProblem) : [];
}

describe('an egress service', () => {
  it('has hosts instead of a program', async () => {
    await write(FILE, SERVICE);
    const { services } = await loadMesh(directory);
    const [service] = services;
    expect(service).toMatchObject({ name: 'card-network', language: 'envoy', command: [] });
    expect(service?.egress).toEqual({
      hosts: [
        { host: 'api.cards.example:443' },
        { host: 'files.cards.example:8443', address: '127.0.0.9:9443', ca: rootCertificates[0] },
      ],
    });
    expect(service?.operations.map(({ host, path }) => `${host} ${path}`)).toContain(
      'files.cards.example:8443 /**',
    );
    expect(services[1]).not.toHaveProperty('egress');
  });

  const program = SERVICE.replace(/egress:[\s\S]*?operations/, 'operations');
  it.each([
    [
      'a program too',
      `${SERVICE}command: [node]\n`,
      `${FILE}:17: command: an egress service has no command: its sidecar is all that runs`,
    ],
    [
      'a store',
      `${SERVICE}datastore: valkey\n`,
      `${FILE}:17: datastore: an egress service stores nothing`,
    ],
    [
      'a host in an operation that it does not have',
      SERVICE.replace(
        'host: "api.cards.example:443", method: POST',
        'host: "api.card.example:443", method: POST',
      ),
      `${FILE}:12: operations.0.host: api.card.example:443 is not one of egress.hosts`,
    ],
    [
      'an operation without a host',
      SERVICE.replace('host: "api.cards.example:443", method: POST', 'method: POST'),
      `${FILE}:12: operations.0: host is missing`,
    ],
    [
      'a host without a port',
      SERVICE.replace('{ host: "api.cards.example:443" }', '{ host: api.cards.example }'),
      expect.stringMatching(`^${FILE}:9: egress.hosts.0.host: must be a host name`),
    ],
    [
      'a host without a dot',
      SERVICE.replace('{ host: "api.cards.example:443" }', '{ host: "greeter:443" }'),
      expect.stringMatching(`^${FILE}:9: egress.hosts.0.host: must be a host name`),
    ],
    [
      'an address that is a name',
      SERVICE.replace('127.0.0.9:9443', 'localhost:9443'),
      expect.stringMatching(`^${FILE}:10: egress.hosts.1.address: must be IP:port`),
    ],
    [
      'certificates that are not there',
      SERVICE.replace('ca: ca.pem', 'ca: none.pem'),
      `${FILE}:10: none.pem cannot be read: ENOENT (name a PEM file beside this one)`,
    ],
    [
      'certificates that are none',
      SERVICE.replace('ca: ca.pem', 'ca: service.yaml'),
      `${FILE}:10: service.yaml holds no certificate (name a PEM file beside this one)`,
    ],
    [
      'certificates of elsewhere',
      SERVICE.replace('ca: ca.pem', 'ca: ../../../mesh.yaml'),
      `${FILE}:10: ../../../mesh.yaml is outside of the folder (name a PEM file beside this one)`,
    ],
    [
      'a host twice',
      SERVICE.replace('files.cards.example:8443", a', 'api.cards.example:8443", a').replaceAll(
        'host: "files.cards.example:8443", method',
        'host: "api.cards.example:8443", method',
      ),
      `${FILE}:10: api.cards.example is already declared by card-network (a host has one way out)`,
    ],
  ])('may not have %s', async (_what, text, problem) => {
    expect(await problemsOf(text)).toContainEqual(problem);
  });

  it('is told from a program, which has no hosts and needs a command', async () => {
    expect(await problemsOf(program)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/language is missing/),
        expect.stringMatching(/command is missing/),
        expect.stringMatching(/only egress services have hosts/),
        expect.stringMatching(/only egress services match any rest/),
      ]),
    );
  });
});
