import { manifestsText } from '@dotline/network-policy/export-policies';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import type { NetworkPolicyImport } from './network-policy.js';
import { counted } from './policy-diff-words.js';

const NAMES_MAX = 12;

/** `dotline network-policy import`: the Rego, and in comments what it does not say. */
export function importAnswer({ found, files, written }: NetworkPolicyImport): Answer {
  const { edges, open, leftOut, unknownPods, missing } = found;
  const rego =
    written === null
      ? [...files].flatMap(([file, text]) => [colours.dim(`# ${file}`), text])
      : written.map((path) => `wrote ${path}`);
  const notes = [
    edges.length === 0
      ? 'NetworkPolicies allow nothing by name between services of this mesh'
      : `${counted(edges.length, 'edge', 'edges')} that NetworkPolicies allow by name`,
    ...listed('open to everybody, which is nobody’s consent; nothing was made of it', open),
    ...listed('personal data, left out: write the need with its purpose', leftOut),
    ...listed('pods of no service of the mesh', unknownPods),
    ...listed('services without a pod', missing),
  ];
  return {
    text: [...rego, ...notes.map((note) => (written === null ? `# ${note}` : note))].join('\n'),
    value: {
      edges: edges.map(({ caller, callee, operations, policies }) => ({
        caller: caller.name,
        callee: callee.name,
        operations: operations.map(({ id }) => id),
        policies: policies.map(({ namespace, name, file, line }) => ({
          ...{ namespace, name, file, line },
        })),
      })),
      ...{ open, leftOut, unknownPods, missing, written },
      files: Object.fromEntries(files),
    },
    exitCode: ExitCode.ok,
  };
}

/** `dotline network-policy export`: for `kubectl apply -f -`. */
export function exportAnswer(manifests: readonly object[]): Answer {
  return {
    text: manifestsText(manifests).trimEnd(),
    value: manifests,
    exitCode: ExitCode.ok,
  };
}

function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, NAMES_MAX).join(', ');
  const rest = names.length - NAMES_MAX;
  return [`${what}: ${shown}${rest > 0 ? ` and ${rest} more` : ''}`];
}
