export { type Inconsistency, inconsistencies } from './consistency.js';
export type { Authorizer } from './discovery-call.js';
export { PermissionDenied } from './errors.js';
export type {
  Hooks,
  NackEvent,
  RefusalEvent,
  RequestEvent,
  ResponseEvent,
  StatusEvent,
  StreamInfo,
} from './hooks.js';
export type { Peer } from './peer.js';
export type { Reference } from './references.js';
export { anyOf, resource, type TypedResource, UnknownResourceTypeError } from './resource.js';
export {
  DuplicateResourceError,
  emptyResourceSet,
  type ResourceSet,
  resourceSet,
} from './resource-set.js';
export type { ResourceSource } from './resource-source.js';
export { MisplacedResourceError, type Snapshot, SnapshotCache } from './snapshot-cache.js';
export type { NodeStatus, ResourceStatus, TypeStatus } from './status.js';
export type { Rejection, Update } from './subscription.js';
export { TypeUrl } from './type-url.js';
export { XdsServer, type XdsServerOptions } from './xds-server.js';
