import type { ServerDuplexStream } from '@grpc/grpc-js';

/** Writes the responses of one stream and notices when the client takes none of them. */
export class ResponseWriter {
  #stalling: NodeJS.Timeout | undefined;

  constructor(
    private readonly call: ServerDuplexStream<Buffer, Buffer>,
    private readonly stalledMs: number,
    private readonly stalled: () => void,
  ) {}

  /** `flushed` is called when the message has left for the socket, so a slow client holds us. */
  write(message: Buffer, flushed: () => void): void {
    this.#stalling = setTimeout(this.stalled, this.stalledMs).unref();
    this.call.write(message, (error?: Error | null) => {
      this.close();
      if (!error) {
        flushed();
      }
    });
  }

  /** To be called when nothing can be written any more. */
  close(): void {
    clearTimeout(this.#stalling);
  }
}
