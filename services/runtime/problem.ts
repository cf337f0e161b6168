import type { z } from 'zod';

/** An error that a caller is told about, as problem details. Source: RFC 9457. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    /** What a person needs to act. */
    readonly detail: string,
    /** Further members of the document. */
    readonly members: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(`${title}: ${detail}`, options);
    this.name = 'Problem';
  }

  /** The document, of type `application/problem+json`. */
  document(): Record<string, unknown> {
    return {
      ...this.members,
      type: 'about:blank',
      title: this.title,
      status: this.status,
      detail: this.detail,
    };
  }
}

/** The service's own store does not answer; it is tried again, and so may the caller. */
export class StoreUnavailable extends Problem {
  constructor(store: string, options?: ErrorOptions) {
    super(503, 'Store unavailable', `${store} does not answer; try again`, { store }, options);
    this.name = 'StoreUnavailable';
  }
}

/** 404 with what was looked for. */
export function notFound(what: string): Problem {
  return new Problem(404, 'Not found', `There is no ${what}`);
}

/**
 * Parses what a caller sent.
 * @throws Problem 400 that names every wrong field
 */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({
    field: issue.path.join('.'),
    message: issue.message,
  }));
  const fields = errors.map(({ field, message }) => `${field || 'body'}: ${message}`);
  throw new Problem(400, 'Invalid request', fields.join('; '), { errors });
}
