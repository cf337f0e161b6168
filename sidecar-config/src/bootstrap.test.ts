import { describe, expect, it } from '@jest/globals';
import {
  InvalidAdminAddressError,
  identitySecretFiles,
  MisplacedIdentityError,
  sidecarBootstrap,
} from './bootstrap.js';
import { instanceOf } from './testing/mesh.js';

const input = {
  trustDomain: 'test.example',
  service: 'fare',
  instance: instanceOf('fare', { adminAddress: '127.7.7.7:15000' }),
  controlPlane: { address: '127.0.0.1', port: 18000 },
  identityDirectory: '/run/fare-1/identity',
};

describe('sidecarBootstrap', () => {
  it('says who the sidecar is', () => {
    expect(JSON.parse(sidecarBootstrap(input))).toMatchObject({
      node: {
        id: 'fare-1',
        cluster: 'fare',
        locality: { region: 'region-1', zone: 'zone-a', subZone: 'cell-1' },
      },
      admin: { address: { socketAddress: { address: '127.7.7.7', portValue: 15000 } } },
    });
  });

  it('speaks delta ADS to the control plane and to nobody else', () => {
    const text = sidecarBootstrap(input);
    expect(JSON.parse(text)).toMatchObject({
      dynamicResources: { adsConfig: { apiType: 'DELTA_GRPC' }, cdsConfig: { ads: {} } },
    });
    expect(text).toContain('"exact": "spiffe://test.example/platform/control-plane"');
    expect(text).toContain('"type": "STATIC"');
  });

  it('looks up a control plane that is given by name', () => {
    const named = { ...input, controlPlane: { address: 'control-plane', port: 18000 } };
    expect(sidecarBootstrap(named)).toContain('"type": "STRICT_DNS"');
  });

  it('leaves an idle sidecar asleep', () => {
    const seldom = { missTimeout: '2s', megamissTimeout: '5s' };
    expect(JSON.parse(sidecarBootstrap(input))).toMatchObject({
      watchdogs: { mainThreadWatchdog: seldom, workerWatchdog: seldom },
    });
  });

  it('is the same for the same input', () => {
    expect(sidecarBootstrap({ ...input })).toBe(sidecarBootstrap(input));
  });

  it.each(['', '15000', 'localhost:15000', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:70000'])(
    'refuses the admin address %j',
    (adminAddress) => {
      const instance = { ...input.instance, adminAddress };
      expect(() => sidecarBootstrap({ ...input, instance })).toThrow(InvalidAdminAddressError);
    },
  );
});

describe('sidecarBootstrap with an identity elsewhere', () => {
  it('is refused, because no resource would find it', () => {
    const elsewhere = { ...input, identityDirectory: '/etc/certificates' };
    expect(() => sidecarBootstrap(elsewhere)).toThrow(MisplacedIdentityError);
  });
});

describe('identitySecretFiles', () => {
  it('points at the current link and watches its folder', () => {
    const files = identitySecretFiles('/run/fare-1/identity');
    expect(Object.keys(files)).toEqual(['certificate-sds.json', 'bundle-sds.json']);
    expect(JSON.parse(files['certificate-sds.json'] ?? '')).toEqual({
      resources: [
        {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
          name: 'certificate',
          tlsCertificate: {
            certificateChain: { filename: '/run/fare-1/identity/current/certificate.pem' },
            privateKey: { filename: '/run/fare-1/identity/current/key.pem' },
            watchedDirectory: { path: '/run/fare-1/identity' },
          },
        },
      ],
    });
    expect(JSON.parse(files['bundle-sds.json'] ?? '').resources[0].validationContext).toEqual({
      trustedCa: { filename: '/run/fare-1/identity/current/bundle.pem' },
      watchedDirectory: { path: '/run/fare-1/identity' },
    });
  });
});
