import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ClickHouseException } from './clickhouse-exception.js';

/** Who may use the engine; without a password everybody may. */
export interface Account {
  /** Any name when undefined. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/**
 * Checks the credentials of a request: HTTP basic, `X-ClickHouse-User`/`-Key`, or the URL's
 * `user`/`password`, the three that ClickHouse's HTTP interface takes.
 * @throws ClickHouseException 516
 */
export function authenticate(
  account: Account,
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): void {
  if (account.password === undefined) return;
  const given = credentials(headers, query);
  const ok = same(given.user, account.user ?? given.user) && same(given.password, account.password);
  if (ok) return;
  throw new ClickHouseException(
    516,
    'AUTHENTICATION_FAILED',
    `${given.user}: Authentication failed: password is incorrect, or there is no user with such name.`,
  );
}

function credentials(
  headers: IncomingHttpHeaders,
  query: URLSearchParams,
): { user: string; password: string } {
  const [scheme = '', token = ''] = (headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'basic') {
    const text = Buffer.from(token, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return colon < 0
      ? { user: text, password: '' }
      : { user: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return {
    user: single(headers['x-clickhouse-user']) ?? query.get('user') ?? 'default',
    password: single(headers['x-clickhouse-key']) ?? query.get('password') ?? '',
  };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Compares in constant time; hashing first makes the lengths equal. */
function same(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
