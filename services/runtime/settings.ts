import { z } from 'zod';

/** What every service is told about itself. Source: docs/architecture.md, "A service's side of the contract". */
const Base = z.object({
  DOTLINE_SERVICE: z.string().min(1),
  DOTLINE_INSTANCE: z.string().min(1),
  /** Path of the Unix socket to serve on. */
  DOTLINE_LISTEN: z.string().min(1),
  /** Path of the Unix socket through which other services are called. */
  DOTLINE_OUTBOUND: z.string().min(1),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
});

export type ServiceSettings = z.infer<typeof Base>;

/** The variables of a service that keeps data in PostgreSQL. */
export const postgresqlSettings = { DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }) };

/** The variables of a service that keeps data in Valkey. */
export const valkeySettings = {
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  REDIS_KEY_PREFIX: z.string().min(1),
};

/** The environment lacks a variable or holds one that cannot be right. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`Environment: ${problems.join('; ')}`);
    this.name = 'SettingsError';
  }
}

/**
 * Checks the common variables and those that `shape` adds.
 * @throws SettingsError naming every variable that is missing or wrong
 */
export function parseSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: NodeJS.ProcessEnv,
) {
  const result = Base.extend(shape).safeParse(environment);
  if (result.success) return result.data;
  throw new SettingsError(
    result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  );
}

/** The settings of this process; one that cannot be right ends it with one line. */
export function readSettings<Shape extends z.ZodRawShape>(shape: Shape) {
  try {
    return parseSettings(shape, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
