/** Whose certificate it is. */
export type Subject = { readonly service: string } | { readonly platform: 'collector' | 'runner' };
