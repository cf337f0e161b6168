import { z } from 'zod';
import { readSettings } from '../../runtime/settings.js';
import { Crowd } from '../../runtime/traffic/crowd.js';
import { runTraffic, trafficSettings } from '../../runtime/traffic/run-traffic.js';
import { Journey } from './journey.js';
import { rider } from './riders.js';

const settings = readSettings({
  ...trafficSettings(1),
  RIDERS: z.coerce.number().int().min(1).max(100_000).default(300),
});

await runTraffic({
  settings,
  crowd: new Crowd(settings.RIDERS, rider),
  forbidden: [
    { callee: 'payment', operation: 'charge', method: 'POST', path: '/v1/charges', body: {} },
    { callee: 'payment', operation: 'balance', method: 'GET', path: '/v1/balances/x:' },
    { callee: 'fraud', operation: 'assess', method: 'POST', path: '/v1/assessments', body: {} },
    { callee: 'drivers', operation: 'reserve', method: 'POST', path: '/v1/reservations', body: {} },
  ],
  travel: (phone, who, signal) => new Journey(phone, who, settings.THINK_MS, signal).run(),
});
