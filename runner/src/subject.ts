import type { PlatformComponent } from '@dotline/model/spiffe-id';

/** A part of the platform that hosts have certified. */
export type PlatformPart = Exclude<PlatformComponent, 'control-plane'>;

/** Whose certificate it is. */
export type Subject = { readonly service: string } | { readonly platform: PlatformPart };
