import type { ShadowOperationView } from '@dotline/topology-ui/api';
import { plural } from './format.js';

/** Such as `3 of 9 would be denied`. */
export function shadowText(each: ShadowOperationView): string {
  const { requests, wouldBeDenied, wouldBeAllowed } = each;
  const parts = [
    ...(wouldBeDenied > 0 ? [`${wouldBeDenied} of ${requests} would be denied`] : []),
    ...(wouldBeAllowed > 0 ? [`${wouldBeAllowed} of ${requests} would be allowed`] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : `${plural(requests, 'request')}, none otherwise`;
}
