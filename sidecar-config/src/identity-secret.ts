import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { anyOf } from 'envoy-control-plane-ts';
import { SecretSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb';
import { DiscoveryResponseSchema } from 'envoy-control-plane-ts/gen/envoy/service/discovery/v3/discovery_pb';
import { registry } from 'envoy-control-plane-ts/gen/registry';

/** The two secrets of a sidecar: its name in SDS and the file that says where the PEM files are. */
export const IdentitySecret = {
  certificate: { name: 'certificate', file: 'certificate-sds.json' },
  bundle: { name: 'bundle', file: 'bundle-sds.json' },
} as const;

/**
 * The files, by name, to put into an identity directory so that Envoy reads
 * `current/{certificate,key,bundle}.pem` from it, and reads again within 5 s when the link `current`
 * has been swapped by rename. Write them before Envoy starts; they never change.
 */
export function identitySecretFiles(identityDirectory: string): Record<string, string> {
  const current = `${identityDirectory}/current`;
  const watchedDirectory = { path: identityDirectory };
  return {
    [IdentitySecret.certificate.file]: secretFile({
      name: IdentitySecret.certificate.name,
      type: {
        case: 'tlsCertificate',
        value: {
          certificateChain: file(`${current}/certificate.pem`),
          privateKey: file(`${current}/key.pem`),
          watchedDirectory,
        },
      },
    }),
    [IdentitySecret.bundle.file]: secretFile({
      name: IdentitySecret.bundle.name,
      type: {
        case: 'validationContext',
        value: { trustedCa: file(`${current}/bundle.pem`), watchedDirectory },
      },
    }),
  };
}

function file(filename: string) {
  return { specifier: { case: 'filename', value: filename } } as const;
}

/** Envoy reads a file of secrets as a discovery response. */
function secretFile(secret: MessageInitShape<typeof SecretSchema>): string {
  const response = create(DiscoveryResponseSchema, {
    resources: [anyOf(SecretSchema, create(SecretSchema, secret))],
  });
  return JSON.stringify(toJson(DiscoveryResponseSchema, response, { registry }), undefined, 2);
}
