import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MESSAGE_BYTES_MAX } from './ingest.js';

/** A request that cannot be read, with the HTTP status that says so. */
export class BodyError extends Error {
  override readonly name = 'BodyError';

  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The body of a request, decompressed. @throws BodyError when it is too large or damaged */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of decompressed(request)) {
      bytes += chunk.length;
      if (bytes > MESSAGE_BYTES_MAX) {
        throw new BodyError(413, `A request holds at most ${MESSAGE_BYTES_MAX} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(400, `The body cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return Buffer.concat(chunks, bytes);
}

function decompressed(request: IncomingMessage): Readable {
  switch (request.headers['content-encoding']) {
    case undefined:
    case 'identity':
      return request;
    case 'gzip':
      // Errors of either stream reach the reader through the iteration of the last one.
      return pipeline(request, createGunzip(), () => undefined);
    default:
      throw new BodyError(415, 'Send gzip, or no Content-Encoding');
  }
}
