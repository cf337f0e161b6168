import { z } from 'zod';

/** An address to listen on or to send to. Port 0 lets the system choose. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** A variable is missing or cannot be used; the message is one line that names each, never a value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** `host:port`, or `[address]:port` for IPv6. */
export const HostPort = z.string().transform((text, context): HostAndPort => {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  const port = Number(text.slice(colon + 1));
  if (host === '' || !/^\d+$/.test(text.slice(colon + 1)) || port > 65535) {
    context.addIssue('must be host:port');
    return z.NEVER;
  }
  return { host, port };
});

/** PostgreSQL, as `DATABASE_URL` names it. */
export const DatabaseUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL');

/** Valkey or Redis, as `REDIS_URL` names it. */
export const RedisUrl = z.string().regex(/^rediss?:\/\//, 'must be a redis:// URL');

/** A level of pino, as `LOG_LEVEL` names it. */
export const LogLevel = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  .default('info');

/**
 * Reads the variables of a process, once.
 * @param process for the error's message, such as `collector`
 * @throws SettingsError
 */
export function readEnvironment<T>(
  process: string,
  schema: z.ZodType<T>,
  environment: NodeJS.ProcessEnv,
): T {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ code, path, message }) => {
    const name = path.join('.');
    const isMissing = environment[name] === undefined && code !== 'custom';
    return isMissing ? `${name} is missing` : `${name} ${message}`;
  });
  throw new SettingsError(`${process} settings: ${problems.join('; ')}`);
}

/** The settings of this process; without them it ends with one line and status 2. */
export function settingsOrExit<T>(read: (environment: NodeJS.ProcessEnv) => T): T {
  try {
    return read(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}
