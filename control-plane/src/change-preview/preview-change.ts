import {
  type PolicyPreview,
  type PreviewSide,
  previewPolicies,
  type TrafficLook,
} from './preview-policies.js';
import { type SidecarChanges, sidecarChanges } from './sidecar-changes.js';

/** What a change would do before it is made. Plain data. */
export interface ChangePreview extends PolicyPreview {
  readonly sidecars: SidecarChanges;
}

/** What a change of the policies would do, also to each sidecar. */
export function previewChange(
  before: PreviewSide,
  after: PreviewSide,
  traffic: TrafficLook,
): ChangePreview {
  return {
    ...previewPolicies(before, after, traffic),
    sidecars: sidecarChanges(before.revision, after.revision),
  };
}
