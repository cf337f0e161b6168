import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Instance } from '@dotline/model/instance';
import type { Identity } from './certificate-authority.js';
import type { Answer } from './real-sidecar.js';

/**
 * A request straight to an instance's sidecar, past the caller's own: what a process could do that
 * got hold of a certificate.
 * @throws when the handshake or the request fails
 */
export async function bypass(
  target: Instance,
  identity: Identity | undefined,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const session = connect(`https://${target.address}:${target.port}`, {
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  });
  const broken = once(session, 'error').then(([error]) => Promise.reject(error));
  try {
    return await Promise.race([broken, exchange(session, method, path, headers)]);
  } finally {
    broken.catch(() => undefined);
    session.destroy();
  }
}

async function exchange(
  session: ClientHttp2Session,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<Answer> {
  await once(session, 'connect');
  const stream = session.request({ ':method': method, ':path': path, ...headers });
  let body = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  stream.end();
  const [[received]] = await Promise.all([once(stream, 'response'), once(stream, 'end')]);
  return { status: Number(received[':status']), headers: received, body };
}
