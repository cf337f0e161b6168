import type { Mesh, Operation } from '@dotline/model/mesh';
import { pathTemplateRegex } from '@dotline/model/path-template';
import { compareText } from './relations.js';
import type { AttemptSeen, DeniedSeen } from './suggest-seen.js';

/** Requests of one caller for one operation, by whatever methods and paths. */
export interface ObservedUse {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly requests: number;
  /** Milliseconds since the epoch. */
  readonly lastMs: number;
}

/** A denied attempt that is none of any operation that the catalog has. */
export interface UnmatchedAttempt extends AttemptSeen {
  readonly why: string;
}

/**
 * Finds the operation of each denied attempt, exactly by method and path. What fits none is told, never guessed.
 * Both lists are in order: by caller and operation, and the most frequent first.
 */
export function observedDenials(
  mesh: Mesh,
  { attempts }: DeniedSeen,
): { readonly denied: ObservedUse[]; readonly unmatched: UnmatchedAttempt[] } {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const paths = new Map<string, RegExp>();
  const matches = ({ method, path }: AttemptSeen, operation: Operation) => {
    const known = paths.get(operation.path);
    const regex = known ?? new RegExp(`^${pathTemplateRegex(operation.path)}$`);
    if (known === undefined) paths.set(operation.path, regex);
    return operation.method === method && regex.test(path);
  };
  const denied = new Map<string, ObservedUse>();
  const unmatched: UnmatchedAttempt[] = [];
  for (const attempt of attempts) {
    const { caller, callee, requests, lastMs } = attempt;
    const offered = services.get(callee)?.operations;
    const operation = offered?.find((each) => matches(attempt, each));
    if (!services.has(caller) || offered === undefined || operation === undefined) {
      unmatched.push({ ...attempt, why: whyUnmatched(attempt, services.has(caller), offered) });
      continue;
    }
    const key = `${caller} ${operation.id}`;
    const before = denied.get(key);
    denied.set(key, {
      caller,
      callee,
      operation: operation.id,
      requests: (before?.requests ?? 0) + requests,
      lastMs: Math.max(before?.lastMs ?? 0, lastMs),
    });
  }
  return {
    denied: [...denied].sort(([a], [b]) => compareText(a, b)).map(([, use]) => use),
    unmatched,
  };
}

function whyUnmatched(
  { caller, callee, method, path }: AttemptSeen,
  callerIsKnown: boolean,
  offered: readonly Operation[] | undefined,
): string {
  if (!callerIsKnown) return `there is no service ${caller}`;
  if (offered === undefined) return `there is no service ${callee}`;
  return `${callee} offers no ${method} ${path}`;
}
