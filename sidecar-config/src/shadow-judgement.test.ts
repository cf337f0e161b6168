import type { Operation } from '@dotline/model/mesh';
import { pathTemplateRegex } from '@dotline/model/path-template';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byPrecedence } from './operation-order.js';
import { type Answer, judgements } from './shadow-judgement.js';

type Request = Pick<Operation, 'method' | 'path' | 'host'>;

const SEGMENTS = ['a', 'b', '{x}', '{y}'];
const paths = fc
  .tuple(
    fc.array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 2 }),
    fc.constantFrom('', '', '', '/**'),
  )
  .map(([segments, rest]) => `/${segments.join('/')}${rest}`);
const hosts = fc.constantFrom({}, {}, { host: 'api.example:443' });
const answers = fc
  .uniqueArray(fc.tuple(fc.constantFrom('GET', 'PUT'), paths, fc.boolean(), hosts), {
    // Two operations of one service never have the same form.
    selector: ([method, path, , host]) =>
      `${method} ${host.host}${path.replaceAll(/\{.\}/g, '{}')}`,
    maxLength: 6,
  })
  .map((all) => {
    const forms = all.map(([method, path, allowed, host]) => ({
      allowed,
      form: {
        id: `s.${method} ${host.host}${path}`,
        name: '',
        service: 's',
        class: 'read',
        method,
        path,
        ...host,
      },
    }));
    const order = byPrecedence(forms.map(({ form }) => form as Operation));
    return order.map((form): Answer => {
      const found = forms.find((each) => each.form === form);
      return { form, allowed: found?.allowed === true };
    });
  });
const requests: Request[] = ['GET', 'PUT', 'DELETE'].flatMap((method) =>
  ['/a', '/b', '/c', '/a/', '/a/a', '/a/b', '/a/c', '/b/a', '/c/b', '/c/c', '/a/a/a'].flatMap(
    (path) => [
      { method, path },
      { method, path, host: 'api.example:443' },
    ],
  ),
);

function matches(form: Request, { method, path, host }: Request): boolean {
  const isAsked = form.method === method && form.host === host;
  return isAsked && new RegExp(`^${pathTemplateRegex(form.path)}$`).test(path);
}

/** What one revision alone decides: the first form that matches. */
function decided(list: readonly Answer[], request: Request): Operation | undefined {
  const first = list.find(({ form }) => matches(form, request));
  return first?.allowed ? first.form : undefined;
}

describe('judgements of two revisions', () => {
  it('say of each request what each of the two alone decides', () => {
    fc.assert(
      fc.property(answers, answers, (live, staged) => {
        const joined = judgements(live, staged);
        for (const request of requests) {
          const first = joined.find(
            (each) => each.request === undefined || matches(each.request, request),
          );
          expect(first?.live).toBe(decided(live, request));
          expect(first?.staged).toBe(decided(staged, request));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are one for each operation and one for all else, where nothing moves', () => {
    const list = [
      ['GET', '/a'],
      ['GET', '/{x}'],
      ['PUT', '/{x}'],
    ].map(([method, path]) => ({
      allowed: true,
      form: { id: `s.${method} ${path}`, name: '', service: 's', class: 'read', method, path },
    })) as Answer[];
    const requests = judgements(list, list).map(({ request }) => request?.path);
    expect(requests).toEqual(['/a', '/{x}', '/{x}', undefined]);
  });
});
