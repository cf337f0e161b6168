import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { HostPort, readEnvironment, SettingsError } from './settings.js';

describe('host and port', () => {
  it.each([
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['dotline.example:65535', { host: 'dotline.example', port: 65535 }],
  ])('%s', (text, expected) => {
    expect(HostPort.parse(text)).toEqual(expected);
  });

  it.each(['', '127.0.0.1', ':80', 'host:', 'host:65536', 'host:-1', 'host:8o'])(
    'refuses %j',
    (text) => {
      expect(HostPort.safeParse(text).success).toBe(false);
    },
  );
});

describe('an environment', () => {
  const schema = z
    .object({ LISTEN: HostPort, TOKEN: z.string().min(16), EXTRA: z.string().optional() })
    .refine(({ EXTRA }) => EXTRA !== undefined, {
      message: 'is missing (or else)',
      path: ['EXTRA'],
    });

  it('names every variable that is missing or wrong in one line, and no value', () => {
    const attempt = () => readEnvironment('a process', schema, { TOKEN: 'hush' });
    expect(attempt).toThrow(SettingsError);
    expect(attempt).toThrow(/^a process settings: LISTEN is missing; TOKEN [^;\n]*16[^;\n]*$/);
    expect(attempt).not.toThrow(/hush/);
  });

  it('keeps the words of a rule about a variable that is missing', () => {
    const environment = { LISTEN: 'a:1', TOKEN: '0123456789abcdef' };
    expect(() => readEnvironment('a process', schema, environment)).toThrow(
      'a process settings: EXTRA is missing (or else)',
    );
  });
});
