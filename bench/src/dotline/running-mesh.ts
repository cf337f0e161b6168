import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureBinary } from '@dotline/local-parts/binary';
import { opaSource } from '@dotline/local-parts/opa';
import { postgresqlProcess, postgresqlUrl } from '@dotline/local-parts/postgresql';
import { type RunningProcess, startLocalProcess } from '@dotline/local-parts/start-local-process';
import { ensureValkey, valkeyProcess } from '@dotline/local-parts/valkey';
import { ControlPlaneClient } from '@dotline/runner/control-plane-client';
import { NODE_OPTIONS } from '@dotline/runner/control-plane-node-options';
import { benchDirectory } from '../programs.js';

const startMs = 120_000;
const secret = 'of-the-benchmark-only';

/** Dotline's own control plane, with the real PostgreSQL and Valkey that it needs. */
export interface RunningMesh {
  readonly pid: number;
  readonly xdsPort: number;
  readonly meshDirectory: string;
  /** A folder for other files; removed at the end. */
  readonly folder: string;
  readonly api: ControlPlaneClient;
  /** CPU that the process had used when it last finished a compilation, ms. */
  compiledAtCpuMs(): number | undefined;
  stop(): Promise<void>;
}

/** Starts all of it on free ports; `write` fills the mesh directory before. With `profileFile` what
 * follows each compilation is profiled, the last one stays. @throws PartError */
export async function startMesh(
  write: (meshDirectory: string) => Promise<void>,
  profileFile?: string,
): Promise<RunningMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'dotline-bench-'));
  const database = await mkdtemp(join(tmpdir(), 'dotline-bench-database-'));
  const started: RunningProcess[] = [];
  const stop = async () => {
    for (const each of started.reverse()) {
      await each.stop();
    }
    await rm(folder, { recursive: true, force: true });
    await rm(database, { recursive: true, force: true });
  };
  try {
    const [postgres = 0, valkeyPort = 0, apiPort = 0, xdsPort = 0, unused = 0] = await freePorts(5);
    const settings = { directory: database, port: postgres, password: secret };
    started.push(await startLocalProcess(await postgresqlProcess(settings), startMs));
    const valkey = await valkeyProcess({
      binary: (await ensureValkey()).path,
      directory: join(folder, 'valkey'),
      port: valkeyPort,
      password: secret,
    });
    started.push(await startLocalProcess(valkey, startMs));
    const meshDirectory = join(folder, 'mesh');
    await write(meshDirectory);
    const authority = join(folder, 'authority');
    const api = new ControlPlaneClient({
      url: `https://127.0.0.1:${apiPort}`,
      caBundle: join(authority, 'root.pem'),
      joinToken: secret,
    });
    const controlPlane = await startLocalProcess(
      {
        name: 'control plane',
        command: [
          process.execPath,
          ...NODE_OPTIONS,
          '--import',
          join(benchDirectory, 'dist', 'dotline', 'report-compilations.js'),
          join(dirname(benchDirectory), 'control-plane', 'dist', 'main.js'),
        ],
        environment: {
          MESH_DIRECTORY: meshDirectory,
          DATABASE_URL: postgresqlUrl(settings, 'postgres'),
          REDIS_URL: `redis://:${secret}@127.0.0.1:${valkeyPort}`,
          XDS_LISTEN: `127.0.0.1:${xdsPort}`,
          API_LISTEN: `127.0.0.1:${apiPort}`,
          CA_DIRECTORY: authority,
          JOIN_TOKEN: secret,
          COLLECTOR_OTLP_GRPC: `127.0.0.1:${unused}`,
          COLLECTOR_OTLP_HTTP: `127.0.0.1:${unused}`,
          ...(profileFile !== undefined && { BENCH_PROFILE: profileFile }),
          OPA_PATH: (await ensureBinary(opaSource)).path,
        },
        ready: async () => {
          if ((await api.revision()) === undefined) {
            throw new Error('no revision is live yet');
          }
        },
      },
      startMs,
    );
    started.push(controlPlane);
    let compiledAtCpuMs: number | undefined;
    if (controlPlane.child.stderr !== null) {
      createInterface({ input: controlPlane.child.stderr }).on('line', (line) => {
        const found = /^compiled at CPU (\d+) us$/.exec(line)?.[1];
        compiledAtCpuMs = found === undefined ? compiledAtCpuMs : Number(found) / 1e3;
      });
    }
    return {
      pid: controlPlane.child.pid ?? 0,
      xdsPort,
      meshDirectory,
      folder,
      api,
      compiledAtCpuMs: () => compiledAtCpuMs,
      stop: async () => {
        await api.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** TCP ports of 127.0.0.1 that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  for (const server of servers) {
    server.close();
  }
  return ports;
}
