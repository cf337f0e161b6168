import type { GraphView, TrafficUpdate } from '@dotline/topology-ui/api';

export type ConnectionState = 'connecting' | 'live' | 'reconnecting';

/** The part of `EventSource` that is used here. */
export interface EventStream {
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
  close(): void;
}

export interface LiveConnectionParts {
  readonly open: () => EventStream;
  readonly loadGraph: () => Promise<GraphView>;
  readonly onGraph: (graph: GraphView) => void;
  readonly onTraffic: (update: TrafficUpdate) => void;
  readonly onState: (state: ConnectionState, reason: string | null) => void;
}

/** Traffic comes every second; this long without an event and the picture is called stale. */
export const silenceMaxMs = 5_000;
const retryDelaysMs: readonly number[] = [500, 1_000, 2_000, 4_000];

/**
 * Keeps the picture live: a snapshot at every connection, then events. Every failure (stream closed,
 * silence, snapshot refused, unreadable event) ends the attempt, and the next begins after a delay.
 * `EventSource` retries by itself only after some failures and never notices silence, hence this.
 */
export class LiveConnection {
  private stream: EventStream | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private closed = false;
  /** Tells answers of a given-up attempt from those of the present one. */
  private attempt = 0;

  constructor(private readonly parts: LiveConnectionParts) {}

  start(): void {
    this.parts.onState('connecting', null);
    this.connect();
  }

  close(): void {
    this.closed = true;
    this.drop();
  }

  private connect(): void {
    this.attempt += 1;
    const attempt = this.attempt;
    const current = () => attempt === this.attempt && !this.closed;
    const stream = this.parts.open();
    this.stream = stream;
    this.watch();
    stream.addEventListener('open', () => {
      if (!current()) return;
      this.parts.loadGraph().then(
        (graph) => {
          if (!current()) return;
          this.parts.onGraph(graph);
          this.heard();
        },
        (cause: unknown) => {
          if (current()) this.fail(cause instanceof Error ? cause.message : String(cause));
        },
      );
    });
    stream.addEventListener('error', () => {
      if (current()) this.fail('the page server closed the connection');
    });
    stream.addEventListener('graph', (event) => {
      if (current()) this.read(event.data, this.parts.onGraph);
    });
    stream.addEventListener('traffic', (event) => {
      if (current()) this.read(event.data, this.parts.onTraffic);
    });
  }

  private read<Content>(data: unknown, deliver: (content: Content) => void): void {
    let content: Content;
    try {
      content = JSON.parse(String(data));
    } catch {
      this.fail('an event could not be read');
      return;
    }
    deliver(content);
    this.heard();
  }

  private heard(): void {
    this.failures = 0;
    this.parts.onState('live', null);
    this.watch();
  }

  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail('no news for 5 s'), silenceMaxMs);
  }

  private fail(reason: string): void {
    this.drop();
    const delay = retryDelaysMs[Math.min(this.failures, retryDelaysMs.length - 1)] ?? 1_000;
    this.failures += 1;
    this.parts.onState('reconnecting', reason);
    this.timer = setTimeout(() => this.connect(), delay);
  }

  private drop(): void {
    this.attempt += 1;
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
  }
}
