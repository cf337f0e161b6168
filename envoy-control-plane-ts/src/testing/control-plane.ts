import { ServerCredentials } from '@grpc/grpc-js';
import type { TypedResource } from '../resource.js';
import { type Snapshot, SnapshotCache } from '../snapshot-cache.js';
import type { NodeStatus } from '../status.js';
import { XdsServer } from '../xds-server.js';

/** A cache and a server, as a control plane puts them together. */
export class ControlPlane {
  private constructor(
    private readonly cache: SnapshotCache,
    private readonly server: XdsServer,
    readonly port: number,
  ) {}

  static async start(): Promise<ControlPlane> {
    const cache = new SnapshotCache();
    const server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      // A change that hangs is to be seen, not to go on after a while.
      phaseWaitMs: 120_000,
    });
    return new ControlPlane(cache, server, await server.listen('127.0.0.1:0'));
  }

  set(nodeId: string, resources: readonly TypedResource[]): void {
    const snapshot: Snapshot = {};
    for (const resource of resources) {
      const { typeUrl } = resource;
      snapshot[typeUrl] = [...((snapshot[typeUrl] as TypedResource[]) ?? []), resource];
    }
    this.cache.setSnapshot(nodeId, snapshot);
  }

  status(): NodeStatus[] {
    return this.server.status();
  }

  kill(): Promise<void> {
    return this.server.close({ graceMs: 0 });
  }
}
