import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { InstanceConflictError, InstanceRegistry } from './instance-registry.js';
import { readInstances } from './instance-store.js';
import { migrate } from './schema.js';
import { eventually } from './testing/eventually.js';
import { startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { testInstance } from './testing/test-revision.js';

jest.setTimeout(120_000);

const A1 = testInstance('a', 1);
const B1 = testInstance('b', 1);

let database: TestDatabase;
let pool: pg.Pool;
let registry: InstanceRegistry;
let changed: number;
let stored: number;

beforeAll(async () => {
  database = await startTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  // Connections that are closing may still hear that the server stops.
  pool.on('error', () => undefined);
  await migrate(pool);
});

afterAll(async () => {
  await pool.end();
  await database.remove();
});

beforeEach(async () => {
  await pool.query('truncate control_plane.instances');
  changed = 0;
  stored = 0;
  registry = makeRegistry();
});

afterEach(() => registry.close());

describe('an instance registry', () => {
  it('tells of what changed, not of heartbeats', async () => {
    registry.put('h', [A1]);
    registry.put('h', [A1]);
    expect(changed).toBe(1);
    registry.put('h', [{ ...A1, state: 'draining' }]);
    registry.put('h', [{ ...A1, state: 'draining' }, B1]);
    registry.put('h', [B1]);
    expect(changed).toBe(4);
    expect(registry.list().map(({ instance }) => instance)).toEqual([B1]);
    await eventually('what was put last', async () => {
      const rows = await readInstances(pool);
      return rows.length === 1 && rows[0]?.instance.id === 'b-1' ? true : undefined;
    });
    await eventually('the word of it', () => (stored > 0 ? true : undefined));
  });

  it('leaves an instance with its host while that lives, and gives it away after', () => {
    registry.put('h1', [A1], 100_000);
    expect(() => registry.put('h2', [A1], 129_000)).toThrow(InstanceConflictError);
    expect(registry.get('a-1')?.host).toBe('h1');
    registry.put('h2', [A1], 130_000);
    expect(registry.get('a-1')?.host).toBe('h2');
  });

  it('takes nothing of a list of which one instance is refused', () => {
    registry.put('h1', [A1], 100_000);
    expect(() => registry.put('h2', [B1, A1], 101_000)).toThrow('a-1');
    expect(registry.get('b-1')).toBeUndefined();
  });

  it('knows after a restart what it was told before', async () => {
    registry.put('h', [A1, B1]);
    await registry.close();
    const next = makeRegistry();
    await next.load();
    expect(next.list().map(({ instance }) => instance)).toEqual([A1, B1]);
    await next.close();
  });

  it('hears of what other replicas were told', async () => {
    const other = makeRegistry();
    other.put('h2', [B1]);
    await other.close();
    registry.put('h1', [A1]);
    await eventually('both', async () => {
      await registry.load();
      return registry.list().length === 2 ? true : undefined;
    });
  });
});

function makeRegistry(): InstanceRegistry {
  return new InstanceRegistry(pool, pino({ level: 'silent' }), {
    changed: () => {
      changed += 1;
    },
    stored: () => {
      stored += 1;
    },
  });
}
