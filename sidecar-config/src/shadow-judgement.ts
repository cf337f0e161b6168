import type { Operation } from '@dotline/model/mesh';
import { overlapOfTemplates } from '@dotline/model/path-template';
import type { RequestForm } from './operation-match.js';

/** What is decided now and would be decided then about one kind of request. */
export interface Judgement {
  /** Method, host outside and path template of the request; `undefined` stands for everything else. */
  readonly request: RequestForm | undefined;
  /** The operation as which it is allowed; `undefined` when it is denied. */
  readonly live: Operation | undefined;
  readonly staged: Operation | undefined;
}

/** Whether requests of an operation's form are allowed. */
export interface Answer {
  readonly form: Operation;
  readonly allowed: boolean;
}

/**
 * Joins two lists of operations, each in order of precedence and each followed by a denial of
 * everything else: in the joined list the first request that matches is one of the first form that
 * matches in each of them. So a verdict is exact also where an operation's path moves.
 */
export function judgements(live: readonly Answer[], staged: readonly Answer[]): Judgement[] {
  const judged: Judgement[] = [];
  const seen = new Set<string>();
  for (const now of [...live, undefined]) {
    for (const then of [...staged, undefined]) {
      const request = common(now?.form, then?.form);
      if (request === 'none') continue;
      const key = request === undefined ? '' : keyOf(request);
      if (!seen.has(key)) {
        judged.push({ request, live: allowedBy(now), staged: allowedBy(then) });
        seen.add(key);
      }
      // All of this form's requests are judged: what follows would never match.
      if (now !== undefined && key === keyOf(now.form)) break;
    }
  }
  return judged;
}

function common(a: Operation | undefined, b: Operation | undefined): Judgement['request'] | 'none' {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.method !== b.method || a.host !== b.host) return 'none';
  const path = overlapOfTemplates(a.path, b.path);
  if (path === undefined) return 'none';
  return { method: a.method, path, ...(a.host === undefined ? {} : { host: a.host }) };
}

/** The same for templates that differ in nothing but the names of their parameters. */
function keyOf({ method, path, host = '' }: RequestForm): string {
  return `${method} ${host}${path.replaceAll(/\{[^}]*\}/g, '{}')}`;
}

function allowedBy(answer: Answer | undefined): Operation | undefined {
  return answer?.allowed === true ? answer.form : undefined;
}
