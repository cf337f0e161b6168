import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Problem } from './mesh-error.js';
import type { ServiceFile } from './mesh-schema.js';

/** A host outside of the mesh that an egress service reaches, by TLS. */
export interface EgressHost {
  /** Name and port, such as `api.cards.example:443`; unique in the mesh. */
  readonly host: string;
  /** `IP:port` to connect to; absent when DNS says it. */
  readonly address?: string;
  /** PEM certificates of who signs for the host; absent when the public authorities do. */
  readonly ca?: string;
}

/** What makes a service a way out of the mesh. */
export interface Egress {
  readonly hosts: readonly EgressHost[];
}

const CA_LENGTH_MAX = 262_144;

/** The name without the port: what callers write, and what the certificate must say. */
export function egressHostName(host: string): string {
  return host.slice(0, host.lastIndexOf(':'));
}

/** The egress service of a host outside, named with or without its port; apps name nothing else. */
export function egressServiceOf(
  mesh: { readonly services: readonly { readonly name: string; readonly egress?: Egress }[] },
  host: string,
): string | undefined {
  const isMeant = (each: EgressHost) => each.host === host || egressHostName(each.host) === host;
  return mesh.services.find(({ egress }) => egress?.hosts.some(isMeant))?.name;
}

export function egressPort(host: string): number {
  return Number(host.slice(host.lastIndexOf(':') + 1));
}

interface ReadService {
  readonly item: { readonly name: string; readonly directory: string };
  readonly yaml: { readonly value: ServiceFile; lineOf(path: readonly PropertyKey[]): number };
  readonly file: string;
}

/** Reads the certificates of hosts, and checks that each host has one way out. @returns the egress of services by name */
export async function loadEgress(
  services: readonly ReadService[],
): Promise<{ of: ReadonlyMap<string, Egress>; problems: Problem[] }> {
  const egress = new Map<string, Egress>();
  const problems: Problem[] = [];
  const declaredBy = new Map<string, string>();
  for (const { item, yaml, file } of services) {
    if (yaml.value.egress === undefined) continue;
    const hosts: EgressHost[] = [];
    for (const [index, { host, address, ca }] of yaml.value.egress.hosts.entries()) {
      const problem = (field: string, message: string, hint: string) =>
        problems.push({
          file,
          line: yaml.lineOf(['egress', 'hosts', index, field]),
          message,
          hint,
        });
      // Callers name a host without its port, so the name alone must say which way out is meant.
      const name = egressHostName(host);
      const other = declaredBy.get(name);
      if (other !== undefined) {
        problem('host', `${name} is already declared by ${other}`, 'a host has one way out');
      }
      declaredBy.set(name, item.name);
      const read = ca === undefined ? {} : await readCertificates(item.directory, ca);
      if ('fault' in read) problem('ca', `${ca} ${read.fault}`, 'name a PEM file beside this one');
      else hosts.push({ host, ...(address === undefined ? {} : { address }), ...read });
    }
    egress.set(item.name, { hosts });
  }
  return { of: egress, problems };
}

async function readCertificates(
  directory: string,
  file: string,
): Promise<{ readonly ca: string } | { readonly fault: string }> {
  const path = normalize(file);
  if (path.startsWith('..') || path.startsWith('/')) return { fault: 'is outside of the folder' };
  try {
    const ca = await readFile(join(directory, path), 'utf8');
    if (ca.length > CA_LENGTH_MAX) return { fault: `has more than ${CA_LENGTH_MAX} bytes` };
    if (ca.includes('PRIVATE KEY')) return { fault: 'holds a private key' };
    new X509Certificate(ca);
    return { ca };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return {
      fault:
        code.startsWith('E') && !code.startsWith('ERR_')
          ? `cannot be read: ${code}`
          : 'holds no certificate',
    };
  }
}
