import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ControlPlaneClient } from './control-plane-client.js';
import { HostPolicies } from './host-policies.js';

type Wanted = Awaited<ReturnType<ControlPlaneClient['wantedPolicies']>>;

/** What the authorizer and the runner were told, in order. */
const told: string[] = [];
let authorizer: Server;

beforeAll(async () => {
  authorizer = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    told.push(`${request.method} ${Buffer.concat(chunks)}`);
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => authorizer.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  authorizer.close();
});

it('has an authorizer while something is wanted, ready before that is said, and none otherwise', async () => {
  const none = { version: 'none', live: [], staged: [] };
  const answers: (Wanted | Error)[] = [
    none,
    { version: 'one', live: ['ab'], staged: [] },
    new Error('the control plane is away'),
    { version: 'two', live: ['ab', 'cd'], staged: ['ef'] },
    none,
    none,
  ];
  let over: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    over = resolve;
  });
  const host = new HostPolicies({
    client: {
      async wantedPolicies({ has, waitMs }, signal) {
        told.push(`has ${has}${waitMs === 0 ? ', at once' : ''}`);
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        if (answer !== undefined) return answer;
        over();
        await new Promise((_, reject) => signal.addEventListener('abort', reject));
        return none;
      },
    },
    host: 'here',
    authorizerUrl: `http://127.0.0.1:${(authorizer.address() as AddressInfo).port}`,
    startAuthorizer: async () => void told.push('start'),
    stopAuthorizer: async () => void told.push('stop'),
    problem: (error) => told.push(`problem ${String(error)}`),
  });
  await host.start();
  await asked;
  await host.close();
  expect(told).toEqual([
    'has , at once',
    'has none',
    'start',
    'PUT {"live":["ab"],"staged":[]}',
    'has one',
    'has one',
    'PUT {"live":["ab","cd"],"staged":["ef"]}',
    // For the time of a question sidecars may still ask.
    'has two',
    'has none',
    'stop',
    'has none',
  ]);
});
