import type { ApiProblem } from '@dotline/topology-ui/api';

const REQUEST_TIMEOUT_MS = 10_000;

/** The mesh does not answer. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

/** The page server refused, with its reason. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    problem: ApiProblem,
  ) {
    super(problem.hint === undefined ? problem.error : `${problem.error} (${problem.hint})`);
  }
}

/**
 * Reads one answer of the page server's API, which may hold it back for `heldBackMs`.
 * @throws UnavailableError when nothing answers, ApiError when it refuses
 */
export async function readApi<T>(address: string, path: string, heldBackMs = 0): Promise<T> {
  let response: Response;
  try {
    response = await fetch(new URL(path, address), {
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS + heldBackMs),
    });
  } catch (error) {
    throw new UnavailableError(
      `no mesh answers at ${address}; start it with npx dotline up, or name another with --address`,
      { cause: error },
    );
  }
  const body = (await response.json()) as T;
  if (!response.ok) throw new ApiError(response.status, body as ApiProblem);
  return body;
}
