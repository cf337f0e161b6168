import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { z } from 'zod';
import type { Service } from './mesh.js';
import type { Problem } from './mesh-error.js';
import type { MeshFile } from './mesh-schema.js';
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
    if ('operation' in jwks) {
      const found = services
        .flatMap(({ operations }) => operations)
        .find(({ id }) => id === jwks.operation);
      if (found === undefined) {
        complain('jwks', `unknown operation ${jwks.operation}`);
      } else if (found.method !== 'GET' || found.path.includes('{')) {
        complain(
          'jwks',
          `${found.id} cannot answer with a key set`,
          'it must be a GET of one path',
        );
      } else {
        loaded.push({ issuer, audiences, keys: { kind: 'operation', operation: found.id } });
      }
      continue;
    }
    const read = await readKeySet(root, jwks.file);
    if ('problem' in read) complain('jwks', `${jwks.file} ${read.problem}`);
    else loaded.push({ issuer, audiences, keys: { kind: 'text', jwks: read.text } });
  }
  return { issuers: loaded, problems };
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
