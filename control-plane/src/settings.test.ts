import { SettingsError } from '@dotline/platform-process/settings';
import { describe, expect, it } from '@jest/globals';
import { readSettings } from './settings.js';

const COMPLETE = {
  MESH_DIRECTORY: '/mesh',
  DATABASE_URL: 'postgresql://dotline:x@127.0.0.1:5432/dotline',
  REDIS_URL: 'redis://127.0.0.1:6379',
  XDS_LISTEN: '127.0.0.1:18000',
  API_LISTEN: '[::1]:18001',
  CA_DIRECTORY: '/data/authority',
  JOIN_TOKEN: '0123456789abcdef',
  COLLECTOR_OTLP_GRPC: '127.0.0.1:4317',
  COLLECTOR_OTLP_HTTP: '127.0.0.1:4318',
};

describe('settings', () => {
  it('are read from the environment', () => {
    expect(readSettings(COMPLETE)).toMatchObject({
      meshDirectory: '/mesh',
      xdsListen: { host: '127.0.0.1', port: 18000 },
      apiListen: { host: '::1', port: 18001 },
      telemetry: { grpc: { address: '127.0.0.1', port: 4317 } },
      opaPath: 'opa',
      policyCacheDirectory: '/data/policy-cache',
      logLevel: 'info',
    });
  });

  it('may name a remote branch to follow', () => {
    expect(readSettings(COMPLETE).followed).toBeUndefined();
    const MESH_FOLLOW = 'https://git.example/mesh.git#release/one';
    expect(readSettings({ ...COMPLETE, MESH_FOLLOW }).followed).toEqual({
      url: 'https://git.example/mesh.git',
      branch: 'release/one',
    });
  });

  it.each([
    [
      'a remote without a branch',
      { MESH_FOLLOW: 'https://git.example/x' },
      'must be <url>#<branch>',
    ],
    ['an option for a remote', { MESH_FOLLOW: '--upload-pack=x#main' }, 'must be <url>#<branch>'],
    ['a missing variable', { DATABASE_URL: undefined }, 'DATABASE_URL is missing'],
    ['a relative folder', { MESH_DIRECTORY: 'mesh' }, 'MESH_DIRECTORY must be an absolute path'],
    ['no port', { API_LISTEN: '127.0.0.1' }, 'API_LISTEN must be host:port'],
    ['a short token', { JOIN_TOKEN: 'secret' }, 'JOIN_TOKEN must have at least 16'],
    ['a name for a collector', { COLLECTOR_OTLP_GRPC: 'collector:4317' }, 'an IP address'],
    ['another database', { DATABASE_URL: 'mysql://x' }, 'must be a postgresql:// URL'],
  ])('are refused in one line with %s', (_title, change, reason) => {
    const attempt = () => readSettings({ ...COMPLETE, ...change });
    expect(attempt).toThrow(SettingsError);
    expect(attempt).toThrow(reason);
  });

  it('never show a value in the reason', () => {
    expect(() => readSettings({ ...COMPLETE, JOIN_TOKEN: 'hush' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hush') }),
    );
  });
});
