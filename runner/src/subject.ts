/** A part of the platform that hosts have certified. */
export type PlatformPart =
  | 'collector'
  | 'authorizer'
  | 'slo'
  | 'page-server'
  | 'runner'
  | 'operator';

/** Whose certificate it is. */
export type Subject = { readonly service: string } | { readonly platform: PlatformPart };
