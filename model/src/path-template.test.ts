import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isPathTemplate, pathTemplateRegex } from './path-template.js';

describe('isPathTemplate', () => {
  it.each([
    '/',
    '/v1/estimates',
    '/v1/estimates/{id}',
    '/v1/estimates/{id}/lines/{line}',
    '/a.b-c_d~e',
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
