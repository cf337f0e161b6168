import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { identityDirectory } from './sidecar-directory.js';
import { placeIdentity } from './testing/certificate-authority.js';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

const mesh = meshOf({
  app: { team: 'rides', operations: {} },
  fare: { team: 'pricing', operations: { get: 'GET /v1/{what}' } },
});
const at = loopbackNetwork();
const fareInstance = instanceOf('fare', at(2));
const instances = [instanceOf('app', at(1)), fareInstance];

jest.setTimeout(30_000);

let running: RunningMesh;

beforeAll(async () => {
  running = await RunningMesh.start({ mesh, instances, edges: [edgeOf('app', 'fare', ['get'])] });
}, 40_000);

afterAll(async () => {
  await running?.stop();
}, 20_000);

/** Serial numbers of the certificates that a sidecar's TLS contexts hold as their own. */
async function heldSerials(instanceId: string): Promise<number[]> {
  const { certificates } = JSON.parse(await running.sidecar(instanceId).admin('/certs')) as {
    certificates: { cert_chain?: { serial_number: string }[] }[];
  };
  return certificates
    .flatMap(({ cert_chain }) => cert_chain ?? [])
    .map(({ serial_number }) => Number.parseInt(serial_number, 16));
}

/** Serial number that a sidecar shows to new connections. */
async function servedSerial(): Promise<number> {
  const client = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, 'app'));
  const socket: TLSSocket = connect({
    host: fareInstance.address,
    port: fareInstance.port,
    cert: client.certificate,
    key: client.key,
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return Number.parseInt(serialNumber, 16);
}

describe('a sidecar', () => {
  it("takes none of the system's 128 inotify instances", async () => {
    const { pid } = running.sidecar('app-1');
    const files = await readdir(`/proc/${pid}/fd`);
    const targets = await Promise.all(
      files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')),
    );
    expect(targets.filter((target) => target.includes('inotify'))).toHaveLength(0);
  });
});

describe('a new certificate', () => {
  it('is used for new connections without a restart and without a failed request', async () => {
    const app = running.sidecar('app-1');
    const fare = running.sidecar('fare-1');
    const statuses: number[] = [];
    let done = false;
    const traffic = (async () => {
      while (!done) statuses.push((await app.call('GET', 'fare', '/v1/x')).status);
    })();
    const startedAt = await fare.stat('server.uptime');

    for (let rotation = 0; rotation < 2; rotation++) {
      for (const { id, service } of instances) {
        const identity = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, service));
        await placeIdentity(identityDirectory(running.runDirectory, id), identity);
        if (id === 'fare-1') {
          await eventually('the new certificate', async () =>
            (await servedSerial()) === Number.parseInt(identity.serial, 16) ? true : undefined,
          );
        }
        await eventually('the new certificate at the client', async () =>
          (await heldSerials(id)).every((serial) => serial === Number.parseInt(identity.serial, 16))
            ? true
            : undefined,
        );
      }
      await delay(100);
    }
    done = true;
    await traffic;

    expect(statuses.length).toBeGreaterThan(20);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(await fare.stat('listener_manager.listener_modified')).toBe(0);
    expect(await fare.stat('server.uptime')).toBeGreaterThanOrEqual(startedAt ?? 0);
    expect(await app.stat('control_plane.connected_state')).toBe(1);
  }, 60_000);
});
