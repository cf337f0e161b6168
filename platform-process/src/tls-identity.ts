import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a TLS client shows, and the roots that it verifies servers with. All PEM. */
export interface TlsIdentity {
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string | Buffer;
}

/** The identity as it is now. May reject while there is none yet. */
export type IdentitySource = () => Promise<TlsIdentity>;

/** The files of an identity cannot be read, or do not belong together. */
export class IdentityFilesError extends Error {
  override readonly name = 'IdentityFilesError';
}

/** Files are put in place one by one, or their folder is swapped between two of them. */
const READ_ATTEMPTS = 5;
const READ_AGAIN_MS = 20;

/**
 * The identity in the files of OpenTelemetry's own variables
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options). They are
 * read again with each call, because their certificate is renewed in place.
 */
export function identityFiles(environment: NodeJS.ProcessEnv): IdentitySource {
  const {
    OTEL_EXPORTER_OTLP_CERTIFICATE: ca,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: cert,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: key,
  } = environment;
  return async () => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await readIdentity({ ca, cert, key });
      } catch (error) {
        if (attempt === READ_ATTEMPTS) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new IdentityFilesError(`OTEL_EXPORTER_OTLP_*: ${reason}`, { cause: error });
        }
        await sleep(READ_AGAIN_MS);
      }
    }
  };
}

async function readIdentity(paths: {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}): Promise<TlsIdentity> {
  const [ca, cert, key] = await Promise.all(
    [paths.ca, paths.cert, paths.key].map((path) =>
      path === undefined ? undefined : readFile(path),
    ),
  );
  if (
    cert !== undefined &&
    key !== undefined &&
    !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  ) {
    throw new Error(`${paths.cert} is not the certificate of ${paths.key}`);
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
