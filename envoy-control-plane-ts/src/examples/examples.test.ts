import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestAuthority } from '../testing/certificates.js';
import { eventually, freePort, RealEnvoy } from '../testing/real-envoy.js';
import { deltaClient } from '../testing/xds-client.js';
import { TypeUrl } from '../type-url.js';

const workspace = join(import.meta.dirname, '..', '..');

/** Whether a port of 127.0.0.1 takes connections. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}

describe('README', () => {
  const running: ChildProcess[] = [];
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xds-examples-'));
  });

  afterEach(async () => {
    for (const child of running.splice(0)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) {
        await ended;
      }
    }
    await rm(directory, { recursive: true, force: true });
  });

  /** Starts an example as it was compiled. */
  function run(example: string, ...args: string[]): ChildProcess {
    const path = join(workspace, 'dist', 'examples', example);
    const child = spawn(process.execPath, [path, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(child);
    return child;
  }

  async function block(language: string, index: number): Promise<string> {
    const readme = await readFile(join(workspace, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```/gms)].filter(
      ([, kind]) => kind === language,
    );
    return blocks[index]?.[2] ?? '';
  }

  it.each([
    ['hello-envoy', 0],
    ['caches', 1],
    ['mutual-tls', 2],
  ])('shows %s as it is', async (example, index) => {
    const source = await readFile(join(workspace, 'src', 'examples', `${example}.ts`), 'utf8');
    expect(await block('ts', index)).toBe(source);
  });

  it('serves a real Envoy with the bootstrap that it shows', async () => {
    const [xds, port] = [await freePort(), await freePort()];
    run('hello-envoy.js', `127.0.0.1:${xds}`, String(port));
    // An Envoy that is refused waits longer each time before it tries again.
    await eventually(() => listens(xds));
    const yaml = (await block('yaml', 0)).replace('18000', String(xds));
    const admin = 'admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }\n';
    const envoy = await RealEnvoy.startWith(admin + yaml);
    try {
      // Well within the 15 s after which Envoy would start without an answer.
      const text = await eventually(
        async () => (await fetch(`http://127.0.0.1:${port}`)).text(),
        8_000,
      );
      expect(text).toBe('hello\n');
    } finally {
      await envoy.stop();
    }
  }, 60_000);

  it('serves groups of nodes from several caches', async () => {
    const child = run('caches.js', '127.0.0.1:0');
    let output = '';
    child.stdout?.on('data', (text: Buffer) => {
      output += text;
    });
    const port = await eventually(() => /^(\d+)$/m.exec(output)?.[1], 8_000);
    expect(output).toMatch(/^fare waits for fare$/m);
    const typeUrl = 'types.example.org/acme.Quota';
    const [rider, driver] = ['riders', 'drivers'].map((cluster) => {
      const client = deltaClient(Number(port));
      client.send({ node: { id: 'n', cluster }, typeUrl, resourceNamesSubscribe: ['*'] });
      client.send({ typeUrl: TypeUrl.Cluster });
      client.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: ['fare'] });
      return client;
    });
    const received = async (client: typeof rider, count: number) => {
      await client?.response(count);
      return client?.responses.flatMap(({ resources }) =>
        resources.map(({ name, resource }) => `${resource?.typeUrl.split('.').at(-1)} ${name}`),
      );
    };
    expect((await received(driver, 2))?.sort()).toEqual([
      'Cluster fare',
      'ClusterLoadAssignment fare',
    ]);
    expect(await received(rider, 1)).toContain('Quota fare');
    const quota = rider?.responses.find((response) => response.typeUrl === typeUrl)?.resources[0];
    expect([quota?.version, Buffer.from(quota?.resource?.value ?? []).toString()]).toEqual([
      '7',
      '100',
    ]);
    rider?.close();
    driver?.close();
  }, 30_000);

  it('lets in by certificate, and shuts down when told to', async () => {
    const authority = await TestAuthority.create();
    const own = await authority.issue({ dns: 'localhost' });
    const files = { roots: authority.roots, certificate: own.certificate, key: own.key };
    const paths: string[] = [];
    for (const [name, text] of Object.entries(files)) {
      const path = join(directory, name);
      await writeFile(path, text);
      paths.push(path);
    }
    const child = run('mutual-tls.js', '127.0.0.1:0', ...paths);
    const port = await new Promise<number>((resolve) =>
      child.stdout?.once('data', (text: Buffer) => resolve(Number(text))),
    );
    const node = await authority.issue({ uri: 'spiffe://example.org/node/fare-1' });
    const channel = credentials.createSsl(
      Buffer.from(authority.roots),
      Buffer.from(node.key),
      Buffer.from(node.certificate),
    );
    const other = deltaClient(port, channel);
    other.send({ node: { id: 'pay-1' }, typeUrl: TypeUrl.Cluster });
    expect(await other.failure()).toMatchObject({ code: status.PERMISSION_DENIED });
    const own1 = deltaClient(port, channel);
    own1.send({
      node: { id: 'fare-1' },
      typeUrl: TypeUrl.Endpoint,
      resourceNamesSubscribe: ['absent'],
    });
    expect((await own1.response(1)).removedResources).toEqual(['absent']);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await own1.failure()).toMatchObject({ code: status.UNAVAILABLE });
    other.close();
    own1.close();
    expect(await ended).toBe(0);
  }, 30_000);
});
