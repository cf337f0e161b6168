import { setTimeout as sleep } from 'node:timers/promises';
import { LoadClient } from './load-client.js';
import { markerOfChange } from './marker.js';
import { MeasuredServer, serverNames } from './measured-server.js';
import { buildGo } from './programs.js';

const sidecars = Number(process.argv[2] ?? 1000);
const program = buildGo('go', 'load-client');
for (const name of serverNames) {
  const server = await MeasuredServer.start(name, sidecars);
  const client = new LoadClient(program);
  const before = await server.collectedKiB();
  const { ms } = await client.connect(
    server.target,
    {
      groups: [{ prefix: 'sidecar-', first: 0, count: sidecars, cluster: 'bench' }],
      wildcards: ['type.googleapis.com/envoy.config.cluster.v3.Cluster'],
      edsPrefix: 'service-',
    },
    60_000,
  );
  await sleep(2_000);
  const after = await server.collectedKiB();
  console.log(name, 'sync', ms, 'KiB a stream', (after - before) / sidecars);
  await client.take();
  const cpu = await server.cpuMs();
  for (let change = 1; change <= 10; change++) {
    const arrival = await client.measure(markerOfChange(change), sidecars, 30_000, () =>
      server.change(change, sidecars),
    );
    console.log(arrival);
    await sleep(300);
  }
  console.log('cpu', ((await server.cpuMs()) - cpu) / 10, await client.take());
  await client.stop();
  await server.stop();
}
