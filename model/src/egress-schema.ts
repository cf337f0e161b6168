import { z } from 'zod';
import { hasAnyRest } from './path-template.js';

/** A host outside of the mesh: a name with a dot, which no service has, and a port. */
export const EgressHostName = z
  .string()
  .regex(
    /^(?=.{4,253}:)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?:[1-9]\d{0,4}$/,
    'must be a host name in lower case and a port, such as api.cards.example:443',
  );

interface ServiceFields {
  readonly language?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly datastore: string;
  readonly egress?: { readonly hosts: readonly { readonly host: string }[] } | undefined;
  readonly operations: readonly { readonly host?: string | undefined; readonly path: string }[];
}

/** A service is a program or a way out, and only a way out has hosts. */
export function checkEgress(service: ServiceFields, context: z.RefinementCtx): void {
  const complain = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (service.egress === undefined) {
    for (const field of ['language', 'command'] as const) {
      if (service[field] === undefined) complain([field], `${field} is missing`);
    }
    for (const [index, { host, path }] of service.operations.entries()) {
      const at = ['operations', index];
      if (host !== undefined) complain([...at, 'host'], 'only egress services have hosts');
      if (hasAnyRest(path)) complain([...at, 'path'], 'only egress services match any rest');
    }
    return;
  }
  for (const field of ['language', 'command'] as const) {
    if (service[field] !== undefined) {
      complain([field], `an egress service has no ${field}: its sidecar is all that runs`);
    }
  }
  if (service.datastore !== 'none') complain(['datastore'], 'an egress service stores nothing');
  if (Object.keys(service.environment).length > 0) {
    complain(['environment'], 'an egress service runs no program');
  }
  const hosts = service.egress.hosts.map(({ host }) => host);
  for (const [index, { host }] of service.operations.entries()) {
    if (host === undefined) complain(['operations', index], 'host is missing');
    else if (!hosts.includes(host)) {
      complain(['operations', index, 'host'], `${host} is not one of egress.hosts`);
    }
  }
}
