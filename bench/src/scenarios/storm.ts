import { markerOfChange } from '../marker.js';
import { spread } from '../quantiles.js';
import { usage, type Visit } from './visit.js';

const changes = 1_000;
const arrivalMs = 240_000;

/** A thousand changes come at once: how many responses a stream gets until it has the last. */
export async function storm(visit: Visit): Promise<void> {
  const { client, server, sidecars, note } = visit;
  await client.take();
  const from = visit.nextChange();
  const last = from + changes - 1;
  while (visit.nextChange() < last);
  const { serverMs, outcome } = await usage(visit, () =>
    client.measure(markerOfChange(last), sidecars, arrivalMs, () =>
      server.burst(from, changes, sidecars),
    ),
  );
  const { responses, bytes } = await client.take();
  const first = spread(outcome.firstMs);
  note('storm', 'first response at any stream, ms', Math.min(...outcome.firstMs));
  note('storm', 'first response, p99 of streams, ms', first.p99);
  note('storm', 'last change at p50 of streams, ms', spread(outcome.ms).p50);
  note('storm', 'last change at all streams, ms', spread(outcome.ms).max);
  note('storm', 'responses a stream', responses / sidecars);
  note('storm', 'bytes a stream', bytes / sidecars);
  note('storm', 'server CPU, ms', serverMs);
}
