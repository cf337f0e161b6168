import {
  boundedPreview,
  type PreviewPage,
} from '@dotline/control-plane/change-preview/preview-page';
import { ControlPlaneError } from '@dotline/runner/control-plane-error';
import { openControlPlane } from './control-plane-access.js';
import { UnavailableError } from './page-server-client.js';
import type { PolicyDiffResult } from './policy-diff.js';
import { verdictText } from './policy-diff-words.js';
import { resolveAddress } from './resolve-address.js';

/**
 * Has the control plane keep a preview, and names the page that shows it.
 * @throws UnavailableError when no mesh is up, or its control plane does not take it
 */
export async function keepPreview(
  result: PolicyDiffResult,
  options: { readonly mesh: string; readonly address?: string },
): Promise<string> {
  const { base, head, problems, preview, picture } = result;
  const verdict = verdictText(result);
  const bounded = preview === null ? { preview, waysLeftOut: 0 } : boundedPreview(preview);
  const page: PreviewPage = { base, head, verdict, problems, picture, ...bounded };
  const address = await resolveAddress(options);
  const { access, client } = await openControlPlane(options);
  try {
    const id = await client.putPreview(page);
    return new URL(`#/preview/${id}`, address).href;
  } catch (error) {
    const reason = error instanceof ControlPlaneError ? error.reason : 'it does not answer';
    throw new UnavailableError(
      `the control plane at ${access.url} keeps no preview: ${reason.trim()}`,
      { cause: error },
    );
  } finally {
    await client.close();
  }
}
