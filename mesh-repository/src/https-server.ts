import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { ServerTls } from './server-tls.js';

/** First byte of a TLS connection: a handshake record (https://www.rfc-editor.org/rfc/rfc8446#section-5.1). */
const HANDSHAKE = 0x16;
const FIRST_BYTE_TIMEOUT_MS = 10_000;
const REFUSED_FOR_MS = 2_000;

/**
 * An HTTPS server that follows the renewals of its certificate. Who comes with plain HTTP is told so in a
 * line: he is not asked for a token, and one that he sends all the same is not looked at.
 */
export function httpsServer(tls: ServerTls, handle: RequestListener): Server {
  const options = (pair: ServerTls['current']) => ({ ...pair, minVersion: 'TLSv1.2' as const });
  const server = createServer(options(tls.current), handle);
  tls.onRenewed((pair) => server.setSecureContext(options(pair)));
  const secure = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const leave = () => socket.destroy();
    socket.on('error', leave);
    socket.setTimeout(FIRST_BYTE_TIMEOUT_MS, leave);
    socket.once('data', (first: Buffer) => {
      if (first[0] !== HANDSHAKE) {
        refusePlain(socket);
        return;
      }
      socket.pause();
      socket.off('error', leave);
      socket.off('timeout', leave);
      socket.setTimeout(0);
      socket.unshift(first);
      for (const listener of secure) listener.call(server, socket);
    });
  });
  return server;
}

function refusePlain(socket: Socket): void {
  const line = 'this repository takes no token over plain HTTP: write https:// in its address\n';
  const head = [
    'HTTP/1.1 403 Forbidden',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${line.length}`,
    'connection: close',
  ];
  socket.setTimeout(REFUSED_FOR_MS);
  // What still comes is dropped, so that the answer is not lost to a reset.
  socket.resume();
  socket.end(`${head.join('\r\n')}\r\n\r\n${line}`);
}
