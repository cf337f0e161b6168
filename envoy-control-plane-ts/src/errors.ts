/**
 * The authorizer refuses a stream. The client gets PERMISSION_DENIED with this message, so say in
 * it what the client lacks.
 */
export class PermissionDenied extends Error {
  override readonly name = 'PermissionDenied';
}
