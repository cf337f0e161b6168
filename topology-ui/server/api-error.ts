import { didYouMean } from '@dotline/policies/nearest-name';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { ApiProblem } from './api.js';
import { errorReason } from './error-reason.js';

/** An answer with a status of 400 or more. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** Nothing has this name; the hint is the known name that was likely meant. */
export function notFound(what: string, name: string, known: readonly string[]): ApiError {
  return new ApiError(404, `there is no ${what} ${name}`, didYouMean(name, known));
}

/** A store that the answer is made from does not answer. */
export function unavailable(part: string, cause: unknown): ApiError {
  return new ApiError(
    503,
    `${part} does not answer: ${errorReason(cause)}`,
    'dotline status says what is unavailable; the answer comes back when it does',
  );
}

/** Answers for paths that no route has. */
export const unknownPath: RequestHandler = (request) => {
  throw new ApiError(
    404,
    `there is no ${request.baseUrl}${request.path}`,
    'GET /api/graph is the whole picture',
  );
};

/** Every failure becomes an `ApiProblem`; one that nobody foresaw is told to `unexpected`. */
export function answerProblems(unexpected: (error: unknown) => void): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status >= 500 && !(error instanceof ApiError)) unexpected(error);
    const problem: ApiProblem =
      error instanceof ApiError
        ? { error: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
        : { error: status < 500 ? errorReason(error) : 'the page server failed; see its log' };
    response.status(status).json(problem);
  };
}

/** Express marks failures that are the asker's (a path that cannot be decoded) with a status. */
function statusOf(error: unknown): number {
  const status =
    typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
