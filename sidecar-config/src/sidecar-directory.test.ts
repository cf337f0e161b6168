import { describe, expect, it } from '@jest/globals';
import {
  appSocket,
  identityDirectory,
  outboundSocket,
  SocketPathTooLongError,
} from './sidecar-directory.js';

describe('the directory of a sidecar', () => {
  it('holds sockets and identity', () => {
    expect(appSocket('/run/dotline', 'fare-1')).toBe('/run/dotline/fare-1/app.sock');
    expect(outboundSocket('/run/dotline', 'fare-1')).toBe('/run/dotline/fare-1/outbound.sock');
    expect(identityDirectory('/run/dotline', 'fare-1')).toBe('/run/dotline/fare-1/identity');
  });

  it('must be short enough for Unix sockets, counted in bytes', () => {
    const fits = `/${'x'.repeat(107 - '/fare-1/outbound.sock'.length - 1)}`;
    expect(Buffer.byteLength(outboundSocket(fits, 'fare-1'))).toBe(107);
    expect(() => outboundSocket(`${fits}x`, 'fare-1')).toThrow(SocketPathTooLongError);
    expect(() => outboundSocket(`${fits.slice(0, -1)}é`, 'fare-1')).toThrow(/108 bytes/);
  });
});
