import { compareProxy } from '@dotline/control-plane/proxy-diff/compare-proxy';
import type {
  ProxyComparison,
  ResourceDifference,
} from '@dotline/control-plane/proxy-diff/compare-resources';
import { ProxyUnavailableError } from '@dotline/control-plane/proxy-diff/config-dump';
import {
  ControlPlaneUnavailableError,
  type HeldConfigReader,
} from '@dotline/control-plane/proxy-diff/held-config';
import type { SidecarDetail } from '@dotline/topology-ui/api';
import pLimit from 'p-limit';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { shortened } from './format.js';
import { countOf, resourceName } from './resource-type.js';

const AT_ONCE = 4;
/** Fields of one resource that are printed; `--json` has all. */
const FIELDS_MAX = 20;
const VALUE_LENGTH_MAX = 200;

/** What came of one sidecar. */
type Outcome =
  | ({ readonly sidecar: string; readonly outcome: 'compared' } & ProxyComparison)
  | { readonly sidecar: string; readonly outcome: 'unavailable'; readonly reason: string };

/** `dotline proxy diff`: 1 when a sidecar differs, else 3 when one could not be compared. */
export async function proxyDiffAnswer(
  sidecars: readonly SidecarDetail[],
  held: HeldConfigReader,
): Promise<Answer> {
  const limit = pLimit(AT_ONCE);
  const outcomes = await Promise.all(
    sidecars.map((sidecar) => limit(() => outcomeOf(sidecar, held))),
  );
  const different = outcomes.filter(
    (each) => each.outcome === 'compared' && each.differences.length > 0,
  );
  const unavailable = outcomes.filter(({ outcome }) => outcome === 'unavailable');
  const equal = outcomes.length - different.length - unavailable.length;
  const summary = [
    `${equal} of ${outcomes.length} sidecars are equal`,
    ...(different.length === 0 ? [] : [`${different.length} differ`]),
    ...(unavailable.length === 0 ? [] : [`${unavailable.length} could not be compared`]),
  ];
  const lines = [
    ...outcomes.flatMap(outcomeLines),
    ...(outcomes.length === 1 ? [] : [summary.join(', ')]),
  ];
  const exitCode =
    different.length > 0
      ? ExitCode.no
      : unavailable.length > 0 || outcomes.length === 0
        ? ExitCode.unavailable
        : ExitCode.ok;
  return { text: lines.join('\n'), value: outcomes, exitCode };
}

async function outcomeOf(
  { instance, adminAddress }: SidecarDetail,
  held: HeldConfigReader,
): Promise<Outcome> {
  const failed = (reason: string): Outcome => ({
    sidecar: instance,
    outcome: 'unavailable',
    reason,
  });
  try {
    const comparison = await compareProxy(held, instance, adminAddress);
    return comparison === undefined
      ? failed('the control plane holds nothing for it')
      : { sidecar: instance, outcome: 'compared', ...comparison };
  } catch (error) {
    if (error instanceof ProxyUnavailableError || error instanceof ControlPlaneUnavailableError) {
      return failed(error.message);
    }
    throw error;
  }
}

function outcomeLines(outcome: Outcome): string[] {
  if (outcome.outcome === 'unavailable') {
    return [colours.yellow(`${outcome.sidecar}: ${outcome.reason}`)];
  }
  const { sidecar, equal, differences } = outcome;
  const counts = Object.entries(equal).map(([typeUrl, count]) => countOf(typeUrl, count));
  if (differences.length === 0) {
    return [`${sidecar}: ${colours.green('equal')} (${counts.join(', ')})`];
  }
  return [
    `${sidecar}: ${colours.red('different')} (equal are ${counts.join(', ') || 'none'})`,
    ...differences.flatMap(differenceLines),
  ];
}

function differenceLines(difference: ResourceDifference): string[] {
  const { typeUrl, name, kind, warming, status, rejection, fields } = difference;
  const what = {
    missing: warming ? 'is not used yet: Envoy waits for what it needs' : 'is missing at Envoy',
    extra: 'is at Envoy alone',
    different: status === 'ERROR' ? 'is refused: Envoy uses the version before' : 'differs',
  }[kind];
  const shown = fields.slice(0, FIELDS_MAX);
  return [
    colours.red(`  ${resourceName(typeUrl, name)} ${what}`) +
      (status === undefined ? '' : colours.dim(` (${status})`)),
    ...(rejection === undefined ? [] : [`    refused: ${shortened(rejection)}`]),
    ...shown.flatMap(({ path, held, used }) => [
      `    ${path}`,
      `      control plane: ${valueText(held)}`,
      `      Envoy:         ${valueText(used)}`,
    ]),
    ...(fields.length > shown.length ? [`    and ${fields.length - shown.length} more`] : []),
  ];
}

function valueText(value: unknown): string {
  if (value === undefined) return colours.dim('nothing');
  const text = JSON.stringify(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}
