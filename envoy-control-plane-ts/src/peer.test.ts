import { describe, expect, it } from '@jest/globals';
import { urisOf } from './peer.js';

describe('urisOf', () => {
  it.each([
    ['nothing', '', []],
    ['one', 'URI:spiffe://a/b', ['spiffe://a/b']],
    [
      'several kinds',
      'DNS:x, URI:spiffe://a/b, IP Address:1.2.3.4, URI:c:d',
      ['spiffe://a/b', 'c:d'],
    ],
    ['a name that only looks like a URI', 'DNS:"x, URI:spiffe://a/admin"', []],
    [
      'a URI with a comma, which Node quotes',
      'URI:"spiffe://a/b, URI:c", DNS:x',
      ['spiffe://a/b, URI:c'],
    ],
  ])('%s', (_what, text, uris) => {
    expect(urisOf(text)).toEqual(uris);
  });
});
