import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/** By the metadata that a call's handler is given: all that handler and interceptor share. */
const gates = new WeakMap<Metadata, ReadGate>();

/**
 * Stops reading from a call, so that HTTP/2's flow control holds the client back. Pausing the
 * handler's stream is not enough: it goes on reading until it has buffered 16 messages, which may
 * be of 16 MiB each.
 */
export class ReadGate extends ServerInterceptingCall {
  #held = false;
  #wanted = false;

  static of(metadata: Metadata): ReadGate | undefined {
    return gates.get(metadata);
  }

  /** What was asked for before may still arrive: at most one message. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.#wanted) {
      this.#wanted = false;
      super.startRead();
    }
  }

  override startRead(): void {
    if (this.#held) {
      this.#wanted = true;
    } else {
      super.startRead();
    }
  }
}

export const readGates: ServerInterceptor = (_method, call) => {
  const gate = new ReadGate(call, {
    start: (next) =>
      next({
        onReceiveMetadata: (metadata, pass) => {
          gates.set(metadata, gate);
          pass(metadata);
        },
      }),
  });
  return gate;
};
