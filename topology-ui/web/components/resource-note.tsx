import type { Resource } from '../live/use-resource.js';

/** What a person sees while something loads or when it cannot be had. */
export function ResourceNote({
  resource,
  what,
}: {
  readonly resource: Resource<unknown>;
  readonly what: string;
}) {
  const { error, content } = resource;
  if (error !== null) {
    return (
      <p class="note danger" role="alert">
        {content === null ? `No ${what}: ` : `The ${what} below may be old: `}
        {error.message}
        {error.hint === undefined ? '' : ` (${error.hint})`}
      </p>
    );
  }
  return content === null ? <p class="note muted">Loading {what}…</p> : null;
}
