import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { z } from 'zod';
import { egressServiceOf } from './egress.js';
import { cacheMs } from './key-set-source.js';
import type { Operation, Service } from './mesh.js';
import type { Problem } from './mesh-error.js';
import type { MeshFile } from './mesh-schema.js';
import { hasAnyRest } from './path-template.js';
import type { TokenIssuer } from './request-policy.js';

const FILE = 'mesh.yaml';
const JWKS_LENGTH_MAX = 65_536;

/** Public keys alone: whoever knows a symmetric or private one can make tokens. */
const PublicKey = z
  .looseObject({
    kty: z.enum(['EC', 'RSA', 'OKP'], 'kty must be EC, RSA or OKP: a key that all may know'),
  })
  .refine((key) => !('d' in key), 'holds a private key: publish the public part alone');
const KeySet = z.looseObject({ keys: z.array(PublicKey).min(1, 'has no key') });

type Issuer = NonNullable<MeshFile['jwt']>[number];

/**
 * Reads what `jwt` in `mesh.yaml` names: key sets of files, and operations that answer with one.
 * @param lineOf of a path in `mesh.yaml`
 */
export async function loadTokenIssuers(
  root: string,
  issuers: readonly Issuer[],
  services: readonly Service[],
  lineOf: (path: readonly PropertyKey[]) => number,
): Promise<{ issuers: TokenIssuer[]; problems: Problem[] }> {
  const loaded: TokenIssuer[] = [];
  const problems: Problem[] = [];
  for (const [index, { issuer, audiences, jwks }] of issuers.entries()) {
    const complain = (field: string, message: string, hint?: string) =>
      problems.push({
        file: FILE,
        line: lineOf(['jwt', index, field]),
        message,
        ...(hint === undefined ? {} : { hint }),
      });
    if (loaded.some((other) => other.issuer === issuer)) {
      complain('issuer', `issuer ${issuer} is defined twice`);
    }
    if (!('file' in jwks)) {
      const found = 'url' in jwks ? keySetOutside(jwks, services) : keySetInside(jwks, services);
      if ('message' in found) complain('jwks', found.message, found.hint);
      else {
        const cache = jwks.cache === undefined ? {} : { cacheMs: cacheMs(jwks.cache) };
        loaded.push({
          issuer,
          audiences,
          keys: { kind: 'operation', operation: found.id, ...cache },
        });
      }
      continue;
    }
    const read = await readKeySet(root, jwks.file);
    if ('problem' in read) complain('jwks', `${jwks.file} ${read.problem}`);
    else loaded.push({ issuer, audiences, keys: { kind: 'text', jwks: read.text } });
  }
  return { issuers: loaded, problems };
}

type Fault = Pick<Problem, 'message' | 'hint'>;

/** The operation of the mesh that answers with a key set, or why there is none. */
function keySetInside(
  { operation }: { readonly operation: string },
  services: readonly Service[],
): Operation | Fault {
  const found = services.flatMap(({ operations }) => operations).find(({ id }) => id === operation);
  if (found === undefined) return { message: `unknown operation ${operation}` };
  if (found.method === 'GET' && !found.path.includes('{') && !hasAnyRest(found.path)) return found;
  const hint = 'it must be a GET of one path';
  return { message: `${found.id} cannot answer with a key set`, hint };
}

/**
 * The operation of an egress service that asks for exactly this URL, or why there is none. So keys come in on
 * the one way that is agreed for them, and a host that is not allowed is not asked.
 */
function keySetOutside(
  { url, egress }: { readonly url: string; readonly egress: string },
  services: readonly Service[],
): Operation | Fault {
  const { hostname, port, pathname: path } = new URL(url);
  const host = `${hostname}:${port || '443'}`;
  const gateway = services.find(({ name }) => name === egress);
  if (gateway?.egress === undefined) {
    const what = gateway === undefined ? 'unknown service' : 'no egress service:';
    return { message: `${what} ${egress}`, hint: 'egress names the way out to the host' };
  }
  if (!gateway.egress.hosts.some((each) => each.host === host)) {
    const other = egressServiceOf({ services }, host);
    return {
      message: `egress service ${egress} may not reach ${host}`,
      hint:
        other === undefined
          ? `add { host: "${host}" } to egress.hosts in ${gateway.file}`
          : `its way out is egress service ${other}`,
    };
  }
  const isAsked = (each: Operation) =>
    each.method === 'GET' && each.host === host && each.path === path;
  return (
    gateway.operations.find(isAsked) ?? {
      message: `egress service ${egress} has no operation GET ${host}${path}`,
      hint: `add { name: keys, class: read, host: "${host}", method: GET, path: ${path} } to the operations in ${gateway.file}`,
    }
  );
}

async function readKeySet(
  root: string,
  file: string,
): Promise<{ readonly text: string } | { readonly problem: string }> {
  const path = normalize(file);
  // Changes of other folders go unnoticed.
  if (!path.startsWith('policies/')) return { problem: 'is not below policies/' };
  try {
    const text = await readFile(join(root, path), 'utf8');
    if (text.length > JWKS_LENGTH_MAX) return { problem: `has more than ${JWKS_LENGTH_MAX} bytes` };
    const parsed = KeySet.safeParse(JSON.parse(text));
    if (parsed.success) return { text: JSON.stringify(parsed.data) };
    return { problem: `is no key set: ${parsed.error.issues[0]?.message ?? ''}` };
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'is not JSON' };
    return { problem: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}` };
  }
}
