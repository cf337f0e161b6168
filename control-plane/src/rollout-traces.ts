import { diffEdges } from '@dotline/model/revision';
import { failSpan, tracer } from '@dotline/platform-process/span';
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import type { Hooks, ResponseEvent } from 'envoy-control-plane-ts';
import type { MeshChange } from './mesh-change.js';
import { typeLabel } from './metrics.js';
import type { LiveRevision } from './revision-store.js';

/** A rollout that lasts longer is traced so far: a sidecar is away, or rejects it. */
const ROLLOUT_MS_MAX = 120_000;
/** Of a large rollout the first pushes are spans, the others are counted. */
const PUSHES_MAX = 100;

interface OpenRollout {
  readonly rolloutId: string;
  /** The change that it comes of; the rollout itself when another replica made it live. */
  readonly root: Span;
  readonly span: Span;
  readonly startedAtMs: number;
  readonly pushes: Map<string, Span>;
  readonly timer: NodeJS.Timeout;
  pushed: number;
}

/**
 * One trace for each change of the mesh: from the saved file over compile and publish to the rollout,
 * with each push to a sidecar, until the last of them has acknowledged it. One is open at a time.
 */
export class RolloutTraces {
  #open: OpenRollout | undefined;

  /** Hooks for the xDS server that follow the pushes, and tell others of everything. */
  following(others: Hooks): Hooks {
    return {
      ...others,
      responded: (event) => {
        this.#pushed(event);
        others.responded?.(event);
      },
      acked: (event) => {
        this.#answered(pushKey(event.stream.streamId, event.nonce));
        others.acked?.(event);
      },
      nacked: (event) => {
        this.#answered(pushKey(event.stream.streamId, event.nonce), event.rejection.message);
        others.nacked?.(event);
      },
      streamClosed: (stream) => {
        for (const key of [...(this.#open?.pushes.keys() ?? [])]) {
          if (key.startsWith(`${stream.streamId} `)) this.#answered(key, 'the stream was closed');
        }
        others.streamClosed?.(stream);
      },
    };
  }

  /**
   * Runs what makes a change of the mesh directory live, as the root of a trace. Its span lasts until
   * the action is over, and when a revision went live in it, until that is enforced.
   */
  async change({ sinceMs, files }: MeshChange, action: () => Promise<void>): Promise<void> {
    const attributes = files.length === 0 ? {} : { 'dotline.files': [...files] };
    const root = tracer.startSpan('mesh change', { root: true, startTime: sinceMs, attributes });
    try {
      await context.with(trace.setSpan(ROOT_CONTEXT, root), action);
    } finally {
      if (this.#open?.root !== root && root.isRecording()) root.end();
    }
  }

  /** A revision goes live. Returns the context in which it is to be rolled out. */
  wentLive(live: LiveRevision, before: LiveRevision | undefined): Context {
    const isNew = live.rolloutId !== before?.rolloutId && live.enforcedInMs === undefined;
    if (!isNew) return context.active();
    this.#end('superseded');
    const { id, commit, edges } = live.revision;
    const diff = diffEdges(before?.revision.edges ?? [], edges);
    const attributes = {
      'dotline.revision': id,
      ...(commit === undefined ? {} : { 'dotline.commit': commit }),
      'dotline.edges': edges.length,
      'dotline.edges.added': diff.added.length,
      'dotline.edges.removed': diff.removed.length,
      'dotline.edges.changed': diff.changed.length,
    };
    const change = trace.getActiveSpan();
    change?.setAttributes(attributes);
    const span = tracer.startSpan('roll out', { attributes });
    // While nothing is exported yet there is nothing to be part of.
    if (!span.isRecording()) return context.active();
    this.#open = {
      rolloutId: live.rolloutId,
      root: change ?? span,
      span,
      startedAtMs: Date.now(),
      pushes: new Map(),
      timer: setTimeout(() => this.#end('not enforced'), ROLLOUT_MS_MAX).unref(),
      pushed: 0,
    };
    return trace.setSpan(ROOT_CONTEXT, span);
  }

  /** Every sidecar holds the revision that a rollout gives it. */
  enforced(rolloutId: string, atMs: number, sidecars: number): void {
    if (this.#open?.rolloutId !== rolloutId) return;
    this.#open.span.setAttribute('dotline.sidecars', sidecars);
    this.#end('enforced', atMs);
  }

  /** Ends what is open. */
  close(): void {
    this.#end('left open');
  }

  #pushed({ stream, typeUrl, nonce, update }: ResponseEvent): void {
    const open = this.#open;
    if (open === undefined) return;
    open.pushed += 1;
    if (open.pushed > PUSHES_MAX) return;
    const attributes = {
      'dotline.instance': stream.node.id,
      'dotline.xds.type': typeLabel(typeUrl),
      'dotline.xds.resources': update.resources.length,
      'dotline.xds.removed': update.removed.length,
    };
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = tracer.startSpan('xDS push', options, trace.setSpan(ROOT_CONTEXT, open.span));
    open.pushes.set(pushKey(stream.streamId, nonce), span);
  }

  #answered(key: string, problem?: string): void {
    const push = this.#open?.pushes.get(key);
    if (push === undefined) return;
    this.#open?.pushes.delete(key);
    if (problem !== undefined) failSpan(push, problem);
    push.end();
  }

  #end(outcome: 'enforced' | 'superseded' | 'not enforced' | 'left open', atMs = Date.now()): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    clearTimeout(open.timer);
    for (const push of open.pushes.values()) push.end();
    open.span.setAttributes({ 'dotline.outcome': outcome, 'dotline.pushes': open.pushed });
    if (outcome === 'not enforced') failSpan(open.span, 'not every sidecar holds the revision');
    // What nobody has to acknowledge is enforced at once.
    const endMs = Math.max(atMs, open.startedAtMs);
    open.span.end(endMs);
    if (open.root !== open.span) open.root.end(endMs);
  }
}

function pushKey(streamId: number, nonce: string): string {
  return `${streamId} ${nonce}`;
}
