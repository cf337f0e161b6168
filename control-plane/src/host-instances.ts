import { isIP } from 'node:net';
import { z } from 'zod';

const INSTANCES_MAX = 10_000;

const Name = z.string().min(1).max(63);

const HostInstance = z
  .strictObject({
    id: z.string().min(1).max(80),
    service: Name,
    cell: Name,
    zone: Name,
    region: Name,
    address: z.string().refine((address) => isIP(address) !== 0, 'must be an IP address'),
    port: z.number().int().min(1).max(65_535),
    adminAddress: z.string().min(1).max(300),
    state: z.enum(['starting', 'ready', 'draining']),
  })
  .refine(({ id, service }) => id.startsWith(`${service}-`), {
    message: 'must be <service>-<number>',
    path: ['id'],
  });

/** Body of `PUT /v1/instances`: everything that one host runs. */
export const HostInstances = z
  .strictObject({
    host: z.string().min(1).max(255),
    instances: z.array(HostInstance).max(INSTANCES_MAX),
  })
  .refine(({ instances }) => new Set(instances.map(({ id }) => id)).size === instances.length, {
    message: 'each id may be listed once',
    path: ['instances'],
  });
