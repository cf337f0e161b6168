import { z } from 'zod';
import { readSettings } from '../../runtime/settings.js';
import { Crowd } from '../../runtime/traffic/crowd.js';
import { runTraffic, trafficSettings } from '../../runtime/traffic/run-traffic.js';
import { circle } from './circles.js';
import { Journey } from './journey.js';

const settings = readSettings({
  ...trafficSettings(0.5),
  CIRCLES: z.coerce.number().int().min(1).max(100_000).default(100),
});

const somebody = '00000000-0000-4000-8000-000000000000';

await runTraffic({
  settings,
  crowd: new Crowd(settings.CIRCLES, circle),
  forbidden: [
    { callee: 'messages', operation: 'store', method: 'POST', path: '/v1/messages', body: {} },
    { callee: 'sessions', operation: 'find-person', method: 'POST', path: '/v1/people/find' },
    { callee: 'groups', operation: 'members', method: 'GET', path: '/v1/groups/x/members' },
    {
      callee: 'contacts',
      operation: 'check',
      method: 'GET',
      path: `/v1/people/${somebody}/contacts/${somebody}`,
    },
    { callee: 'payment', operation: 'balance', method: 'GET', path: '/v1/balances/x:' },
  ],
  travel: (phone, friends, signal) => new Journey(phone, friends, settings.THINK_MS, signal).run(),
});
