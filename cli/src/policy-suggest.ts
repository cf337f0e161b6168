import { join } from 'node:path';
import { loadMesh } from '@dotline/model/load-mesh';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { type Suggestion, suggestPolicies } from '@dotline/policies/suggest-policies';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { DeniedAttemptsView } from '@dotline/topology-ui/policy-view';
import { readApi } from './page-server-client.js';
import { readLiveUsage, type UsageOptions } from './policy-unused.js';
import { resolveAddress } from './resolve-address.js';
import { writeNewFiles } from './write-new-files.js';

interface SuggestCommandOptions extends UsageOptions {
  readonly opaPath: string;
  readonly all?: boolean;
  /** Folder to write the files to. */
  readonly out?: string;
}

/** What was suggested, and where it was written. */
export interface PolicySuggestResult {
  readonly suggestion: Suggestion;
  /** Whether all denied attempts were looked at. */
  readonly complete: boolean;
  readonly days: number;
  readonly all: boolean;
  /** Paths as seen from the working directory; `null` when nothing was to be written. */
  readonly written: readonly string[] | null;
}

/**
 * Suggests rules from what was denied and what was used.
 * @throws MeshError, OpaError, UnavailableError, ApiError; TargetError when a file is there already
 */
export async function policySuggest(options: SuggestCommandOptions): Promise<PolicySuggestResult> {
  const { mesh: directory, days, opaPath, team, out, all = false } = options;
  const mesh = await loadMesh(directory);
  const { usage, ages } = await readLiveUsage(options);
  const address = await resolveAddress(options);
  const denied = await readApi<DeniedAttemptsView>(address, `/api/traffic/denied?days=${days}`);
  const { root } = await meshFolders(directory);
  const suggestion = await suggestPolicies(
    mesh,
    { usage, ages, denied },
    {
      opaPath,
      days,
      all,
      nowMs: Date.now(),
      compiler: (platformDirectory) =>
        new PolicyCompiler({
          opaPath,
          cacheDirectory: join(root, 'policy-cache'),
          ...(platformDirectory === undefined ? {} : { platformDirectory }),
        }),
      ...(team === undefined ? {} : { team }),
    },
  );
  const { complete } = denied;
  // What was not proven is not written.
  const proven =
    suggestion.refusedBecause.length === 0 ? suggestion.files : new Map<string, string>();
  const written = out === undefined ? null : await writeNewFiles(out, proven);
  return { suggestion, complete, days, all, written };
}
