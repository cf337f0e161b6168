import { join } from 'node:path';
import { Router } from 'express';
import { z } from 'zod';
import { createLogger } from '../../runtime/logger.js';
import { Peers } from '../../runtime/peers.js';
import { type Closeable, runService } from '../../runtime/run-service.js';
import { readSettings } from '../../runtime/settings.js';
import { Counts, readCounts } from './counts.js';
import { CountsFile } from './counts-file.js';
import { Pace } from './pace.js';
import { Phone } from './phone.js';
import { Riders } from './riders.js';

const settings = readSettings({
  JOURNEYS_PER_SECOND: z.coerce.number().min(0).max(500).default(1),
  /** More journeys are not started, but counted as skipped. */
  JOURNEYS_AT_ONCE_MAX: z.coerce.number().int().min(1).max(5000).default(100),
  /** After so many journeys no more are started. */
  JOURNEYS_MAX: z.coerce.number().int().min(1).default(Number.MAX_SAFE_INTEGER),
  RIDERS: z.coerce.number().int().min(1).max(100_000).default(300),
  THINK_MS: z.coerce.number().min(0).max(60_000).default(400),
  FORBIDDEN_SHARE: z.coerce.number().min(0).max(1).default(0.02),
  /** Folder that outlives this process. */
  DOTLINE_STATE_DIRECTORY: z.string().min(1).optional(),
});
const log = createLogger(settings);
const directory = settings.DOTLINE_STATE_DIRECTORY;
const file = directory === undefined ? undefined : join(directory, 'counts.json');
const who = { service: settings.DOTLINE_SERVICE, instance: settings.DOTLINE_INSTANCE };
const counts = new Counts(who, file === undefined ? undefined : await readCounts(file));
const peers = new Peers(settings);
const phone = new Phone(peers, counts, log, settings.FORBIDDEN_SHARE);
const pace = new Pace(
  {
    journeysPerSecond: settings.JOURNEYS_PER_SECOND,
    journeysAtOnceMax: settings.JOURNEYS_AT_ONCE_MAX,
    journeysMax: settings.JOURNEYS_MAX,
    thinkMs: settings.THINK_MS,
  },
  new Riders(settings.RIDERS),
  phone,
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
