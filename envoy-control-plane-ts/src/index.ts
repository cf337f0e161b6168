export { canonicalBinary } from './canonical-binary.js';
export { ListenError } from './connections.js';
export {
  type Inconsistency,
  inconsistencies,
  type MissingResource,
  missingResources,
} from './consistency.js';
export {
  ClientStalled,
  InternalFault,
  InvalidRequest,
  LimitExceeded,
  NotReady,
  Overloaded,
  PermissionDenied,
  ShuttingDown,
  StreamRefused,
} from './errors.js';
export type {
  Hooks,
  NackEvent,
  OversizeEvent,
  RefusalEvent,
  RequestEvent,
  RespondedEvent,
  ResponseEvent,
  StatusEvent,
  StreamInfo,
} from './hooks.js';
export { LinearCache } from './linear-cache.js';
export { MuxCache } from './mux-cache.js';
export type { Peer } from './peer.js';
export type { Reference } from './references.js';
export {
  anyOf,
  rawResource,
  resource,
  type TypedResource,
  UnknownResourceTypeError,
} from './resource.js';
export {
  DuplicateResourceError,
  emptyResourceSet,
  type ResourceSet,
  resourceSet,
  withChanges,
  withoutResource,
  withResource,
} from './resource-set.js';
export type { ResourceSource, Watch } from './resource-source.js';
export {
  MisplacedResourceError,
  type ResourceChanges,
  type Snapshot,
  SnapshotCache,
  type SnapshotCacheOptions,
} from './snapshot-cache.js';
export type {
  NodeStatus,
  NodeSummary,
  RejectedResource,
  ResourceStatus,
  TypeStatus,
  TypeSummary,
} from './status.js';
export type { Rejection, ResourceProblem, Update } from './subscription.js';
export { TypeUrl } from './type-url.js';
export { type ServerLoad, XdsServer } from './xds-server.js';
export type {
  Authorizer,
  Limits,
  StatusAuthorizer,
  XdsServerOptions,
} from './xds-server-options.js';
