import type { Witness } from '@dotline/model/edge';
import { askGit } from '@dotline/platform-process/git';
import type { PolicyRelations } from './relations.js';

const TIMEOUT_MS = 10_000;

/**
 * When the commits of rules were made, in milliseconds since the epoch. One that git does not know in this
 * directory is absent, and all are when there is no git repository.
 */
export async function commitTimes(
  directory: string,
  { needs, grants }: Pick<PolicyRelations, 'needs' | 'grants'>,
): Promise<ReadonlyMap<string, number>> {
  const commitOf = ({ witness }: { readonly witness: Witness }) => witness.commit ?? [];
  const commits = new Set([...needs, ...grants].flatMap(commitOf));
  if (commits.size === 0) return new Map();
  const log = ['log', '--no-walk=unsorted', '--ignore-missing', '--format=%H %ct', '--stdin'];
  const options = { input: [...commits].join('\n'), timeoutMs: TIMEOUT_MS };
  const output = (await askGit(directory, log, options)) ?? '';
  return new Map(
    output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '))
      .map(([commit = '', seconds]) => [commit, Number(seconds) * 1000]),
  );
}
