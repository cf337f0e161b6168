import { join } from 'node:path';
import { Router } from 'express';
import { z } from 'zod';
import { createLogger } from '../logger.js';
import { Peers } from '../peers.js';
import { type Closeable, runService } from '../run-service.js';
import type { ServiceSettings } from '../settings.js';
import { Counts, readCounts } from './counts.js';
import { CountsFile } from './counts-file.js';
import type { Crowd } from './crowd.js';
import { Pace } from './pace.js';
import { type Call, Phone } from './phone.js';

/** The variables of a service that lives people's journeys. */
export function trafficSettings(journeysPerSecond: number) {
  return {
    JOURNEYS_PER_SECOND: z.coerce.number().min(0).max(500).default(journeysPerSecond),
    /** More journeys are not started, but counted as skipped. */
    JOURNEYS_AT_ONCE_MAX: z.coerce.number().int().min(1).max(5000).default(100),
    /** After so many journeys no more are started. */
    JOURNEYS_MAX: z.coerce.number().int().min(1).default(Number.MAX_SAFE_INTEGER),
    THINK_MS: z.coerce.number().min(0).max(60_000).default(400),
    FORBIDDEN_SHARE: z.coerce.number().min(0).max(1).default(0.02),
    /** Folder that outlives this process. */
    DOTLINE_STATE_DIRECTORY: z.string().min(1).optional(),
  };
}

type TrafficSettings = ServiceSettings & z.infer<z.ZodObject<ReturnType<typeof trafficSettings>>>;

/** What one app's traffic is made of. */
export interface Traffic<Traveller> {
  readonly settings: TrafficSettings;
  readonly crowd: Crowd<Traveller>;
  /** What no policy lets the app do; tried now and then. */
  readonly forbidden: readonly Omit<Call, 'expect'>[];
  /** One journey, as Pace's `Travel`. */
  readonly travel: (phone: Phone, traveller: Traveller, signal: AbortSignal) => Promise<string>;
}

/** Lives journeys until SIGTERM, and tells its counts at `GET /v1/counts` and in its state folder. */
export async function runTraffic<Traveller>(traffic: Traffic<Traveller>): Promise<void> {
  const { settings, crowd, forbidden, travel } = traffic;
  const log = createLogger(settings);
  const directory = settings.DOTLINE_STATE_DIRECTORY;
  const file = directory === undefined ? undefined : join(directory, 'counts.json');
  const who = { service: settings.DOTLINE_SERVICE, instance: settings.DOTLINE_INSTANCE };
  const counts = new Counts(who, file === undefined ? undefined : await readCounts(file));
  const peers = new Peers(settings);
  const phone = new Phone(peers, counts, log, forbidden, settings.FORBIDDEN_SHARE);
  const pace = new Pace(
    {
      journeysPerSecond: settings.JOURNEYS_PER_SECOND,
      journeysAtOnceMax: settings.JOURNEYS_AT_ONCE_MAX,
      journeysMax: settings.JOURNEYS_MAX,
    },
    crowd,
    (traveller, signal) => travel(phone, traveller, signal),
    counts,
    log,
  );
  const router = Router();
  router.get('/v1/counts', (_request, response) => {
    response.json(counts.document());
  });
  const resources: Closeable[] = [pace, peers];
  if (file !== undefined) resources.push(new CountsFile(file, counts, log));
  await runService({
    listen: settings.DOTLINE_LISTEN,
    log,
    router,
    // It keeps nothing that could be away; whether its peers answer is theirs to say.
    ready: async () => undefined,
    resources,
  });
  pace.start();
}
