import { z } from 'zod';
import { isPathTemplate } from './path-template.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
const CACHE_MIN_MS = 10_000;
const CACHE_MAX_MS = 86_400_000;

const Cache = z
  .string()
  .regex(/^[1-9]\d{0,4}[smh]$/, 'must be a duration, such as 30s, 10m or 2h')
  .refine(
    (text) => cacheMs(text) >= CACHE_MIN_MS && cacheMs(text) <= CACHE_MAX_MS,
    'must be 10s to 24h',
  )
  .optional()
  .describe('How long sidecars keep the keys: 1m unless given, of a URL 5m');

const Url = z
  .string()
  .max(2_000)
  .refine(
    isPlainHttpsUrl,
    'must be https:// with a host name in lower case and a path, and nothing else',
  );

/** Where `jwt` in `mesh.yaml` says that an issuer's public keys are. */
export const KeySetSource = z.union([
  z.strictObject({ file: z.string().min(1).describe('Below policies/') }),
  z.strictObject({
    operation: z.string().min(1).describe('GET of one path, also of an egress service'),
    cache: Cache,
  }),
  z.strictObject({
    url: Url,
    egress: z.string().min(1).describe('The egress service that reaches the host'),
    cache: Cache,
  }),
]);

/** Milliseconds of a duration such as `10m`. */
export function cacheMs(text: string): number {
  return Number.parseInt(text, 10) * (UNIT_MS[text.at(-1) ?? ''] ?? 0);
}

/** Whether a URL says no more than a host outside and an operation's path can say. */
function isPlainHttpsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin, pathname } = new URL(text);
  const isWhole = text === origin + pathname || text === `${origin}:443${pathname}`;
  return protocol === 'https:' && isWhole && isPathTemplate(pathname) && !pathname.includes('*');
}
