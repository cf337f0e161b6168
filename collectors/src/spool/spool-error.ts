/** The request was not taken; the same bytes may be sent again a little later. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken';

  constructor(
    readonly reason: 'queue_full' | 'peer_share' | 'disk' | 'stopping',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The request is safe on disk, but ClickHouse does not have it yet. Sending the same bytes again waits
 * for the same rows and adds none.
 */
export class NotStoredYet extends Error {
  override readonly name = 'NotStoredYet';
}
