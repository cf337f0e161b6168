import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AllowedTrafficView } from '@dotline/topology-ui/api';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { HelloCheckout } from './testing/hello-checkout.js';

jest.setTimeout(300_000);

const SEEN_WITHIN_MS = 120_000;

let hello: HelloCheckout;
let address: string;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

async function allowedOperations(): Promise<string[]> {
  const answer = await fetch(`${address}/api/traffic/allowed`);
  const { operations = [] } = (await answer.json()) as Partial<AllowedTrafficView>;
  return operations.map(({ operation }) => operation);
}

beforeAll(async () => {
  hello = await HelloCheckout.create();
  await hello.branch('quiet', 'package mesh.teams.guests\n');
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  expect(await hello.dotline('up', '--port', String(port), '--detach')).toMatchObject({ code: 0 });
  const untilMs = Date.now() + SEEN_WITHIN_MS;
  while (!(await allowedOperations().catch((): string[] => [])).includes('greeter.greet')) {
    if (Date.now() > untilMs) throw new Error('no traffic was recorded');
    await sleep(500);
  }
});

afterAll(async () => {
  await hello?.dotline('down');
  await hello?.remove();
});

describe('dotline policy diff against a mesh that runs', () => {
  it('compares the working directory with the live revision', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff');
    expect(stdout).toMatch(
      /^the live revision \([0-9a-f]{12}, commit [0-9a-f]{10}\) → the working directory\n/,
    );
    expect(stdout).toContain('none of what was seen since');
    expect(code).toBe(0);
  });

  it('says which real requests a branch would deny, with the objectives of both sides', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff', 'quiet', '--json');
    const { verdict, preview } = JSON.parse(stdout);
    expect([code, verdict]).toEqual([1, 'unsafe']);
    expect(preview.traffic.denied).toEqual([
      expect.objectContaining({
        caller: 'visitor',
        callee: 'greeter',
        operation: 'greeter.greet',
        cause: 'removed',
        calleeObjectives: ['greeter-availability'],
      }),
    ]);
    expect(preview.traffic.denied[0].requestsPerDay).toBeGreaterThan(0);
    const markdown = await hello.dotline('policy', 'diff', 'live..quiet', '--markdown');
    expect(markdown).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/❌ \*\*not safe: it would deny \d+ requests? a day/),
    });
  });

  it('finds safe what gives a right back', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff', 'quiet..main');
    expect(stdout).toContain('added visitor → greeter');
    expect(code).toBe(0);
  });
});
