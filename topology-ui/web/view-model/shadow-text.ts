import type { ShadowOperationView } from '@dotline/topology-ui/shadow-view';
import { plural } from './format.js';

/** Such as `3 of 9 would be denied`. */
export function shadowText(each: ShadowOperationView): string {
  const { requests, wouldBeDenied, wouldBeAllowed, notJudged } = each;
  const parts = [
    ...(wouldBeDenied > 0 ? [`${wouldBeDenied} of ${requests} would be denied`] : []),
    ...(wouldBeAllowed > 0 ? [`${wouldBeAllowed} of ${requests} would be allowed`] : []),
  ];
  if (parts.length === 0) parts.push(`${plural(requests, 'request')}, none otherwise`);
  if (notJudged > 0) parts.push(`${notJudged} not judged`);
  return parts.join(', ');
}
