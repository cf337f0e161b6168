/** The control plane refused, with its reason. */
export class ControlPlaneError extends Error {
  override readonly name = 'ControlPlaneError';

  constructor(
    readonly status: number,
    /** Its own words. */
    readonly reason: string,
  ) {
    super(`control plane: ${reason}`);
  }
}
