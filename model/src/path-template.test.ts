import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPathTemplate, overlapOfTemplates, pathTemplateRegex } from './path-template.js';

describe('isPathTemplate', () => {
  it.each([
    '/',
    '/v1/estimates',
    '/v1/estimates/{id}',
    '/v1/estimates/{id}/lines/{line}',
    '/a.b-c_d~e',
    '/**',
    '/v1/{id}/**',
  ])('accepts %s', (template) => {
    expect(isPathTemplate(template)).toBe(true);
  });

  it.each([
    '',
    'v1',
    '/v1/',
    '//v1',
    '/v1/x{id}',
    '/v1/{id',
    '/v1/{}',
    '/v1/..',
    '/v1/.',
    '/v1?x=1',
    '/v1/a b',
    '/v1/*',
    '/**/v1',
    '/v1/x**',
    '**',
  ])('refuses %p', (template) => {
    expect(isPathTemplate(template)).toBe(false);
  });
});

describe('pathTemplateRegex', () => {
  const matches = (template: string, path: string) =>
    new RegExp(`^${pathTemplateRegex(template)}$`).test(path);

  it.each([
    ['/v1/estimates/{id}', '/v1/estimates/7', true],
    ['/v1/estimates/{id}', '/v1/estimates/', false],
    ['/v1/estimates/{id}', '/v1/estimates/7/lines', false],
    ['/v1/a.b', '/v1/axb', false],
    ['/', '/', true],
    ['/**', '/', true],
    ['/**', '/v1/estimates/7', true],
    ['/v1/**', '/v1/', true],
    ['/v1/**', '/v1/a/b', true],
    ['/v1/**', '/v1', false],
    ['/v1/**', '/v12/a', false],
  ])('%s over %s is %s', (template, path, expected) => {
    expect(matches(template, path)).toBe(expected);
  });

  it('matches every path made by filling its parameters, and none with a segment more', () => {
    const literal = fc.stringMatching(/^[A-Za-z0-9_~-]{1,8}$/);
    const segment = fc.oneof(
      literal.map((text) => ({ template: text, filled: text })),
      literal.map((text) => ({ template: '{id}', filled: text })),
    );
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        const template = `/${segments.map((s) => s.template).join('/')}`;
        const path = `/${segments.map((s) => s.filled).join('/')}`;
        expect(isPathTemplate(template)).toBe(true);
        expect(matches(template, path)).toBe(true);
        expect(matches(template, `${path}/more`)).toBe(false);
      }),
    );
  });
});

describe('overlapOfTemplates', () => {
  it.each([
    ['/v1/{id}', '/v1/latest', '/v1/latest'],
    ['/v1/{id}', '/v2/latest', undefined],
    ['/v1', '/v1/{id}', undefined],
    ['/**', '/v1/{id}', '/v1/{id}'],
    ['/v1/**', '/{x}/a/b', '/v1/a/b'],
    ['/v1/**', '/{x}/**', '/v1/**'],
    ['/v1/{x}/**', '/v1/**', '/v1/{x}/**'],
    ['/v1/**', '/v1', undefined],
    ['/**', '/', '/'],
  ])('of %s and %s is %s', (a, b, expected) => {
    expect(overlapOfTemplates(a, b)).toBe(expected);
    expect(overlapOfTemplates(b, a)).toBe(expected);
  });

  it('matches exactly the paths that both match', () => {
    const piece = fc.constantFrom('a', 'b', '{x}');
    const template = fc
      .tuple(fc.array(piece, { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([pieces, open]) => `/${[...pieces, ...(open ? ['**'] : [])].join('/')}`);
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 4 })
      .map((segments) => `/${segments.join('/')}`);
    const matches = (form: string, text: string) =>
      new RegExp(`^${pathTemplateRegex(form)}$`).test(text);
    fc.assert(
      fc.property(template, template, path, (a, b, text) => {
        const both = overlapOfTemplates(a, b);
        expect(both !== undefined && matches(both, text)).toBe(
          matches(a, text) && matches(b, text),
        );
      }),
      { numRuns: 500 },
    );
  });
});
