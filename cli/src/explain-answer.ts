import type { Witness } from '@dotline/model/edge';
import type { RequestRule } from '@dotline/model/request-policy';
import type { Explanation, MissingRule, OperationExplanation } from '@dotline/policies/explain';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';

/** `dotline explain`: the proof of an edge, or what is missing; 0 when there is an edge, 2 when a service does not exist. */
export function explainAnswer(explanation: Explanation): Answer {
  const shown =
    explanation.verdict === 'allowed'
      ? explanation.operations.filter(({ state }) => state === 'agreed')
      : closest(explanation.operations);
  const mark =
    explanation.verdict === 'allowed' ? colours.green('allowed') : colours.red(explanation.verdict);
  const lines = [`${mark}: ${explanation.summary}`, ...shown.flatMap(operationLines)];
  const exitCodes = {
    allowed: ExitCode.ok,
    refused: ExitCode.no,
    blocked: ExitCode.no,
    unknown: ExitCode.usage,
  };
  return { text: lines.join('\n'), value: explanation, exitCode: exitCodes[explanation.verdict] };
}

/** The operations that lack least: those that one side has stated already, else all. */
function closest(operations: readonly OperationExplanation[]): readonly OperationExplanation[] {
  const refused = operations.filter(({ state }) => state === 'refused');
  const half = operations.filter(({ missing }) => missing.length === 1);
  return refused.length > 0 ? refused : half.length > 0 ? half : operations;
}

function operationLines(operation: OperationExplanation): string[] {
  return [
    '',
    `${colours.bold(operation.operation)} (${operation.class})${usage(operation)}`,
    ...(operation.need === undefined ? [] : [witnessLine('needed', operation.need)]),
    ...(operation.grant === undefined ? [] : [witnessLine('granted', operation.grant)]),
    ...(operation.decided === undefined ? [] : decisionLines(operation.decided)),
    ...operation.refusals.map(({ reason, guardrail }) =>
      colours.red(`  forbidden by ${place(guardrail)}: ${reason}`),
    ),
    ...operation.missing.flatMap(missingLines),
  ];
}

function usage({ purposes, optional }: OperationExplanation): string {
  const words = [
    ...(purposes.length === 0 ? [] : [`for ${purposes.join(', ')}`]),
    ...(optional ? ['optional'] : []),
  ];
  return words.length === 0 ? '' : ` ${words.join('; ')}`;
}

function witnessLine(what: string, witness: Witness): string {
  const title = witness.title === undefined ? '' : `: ${witness.title}`;
  const commit =
    witness.commit === undefined ? 'not committed' : `commit ${witness.commit.slice(0, 10)}`;
  const { owner, ticket, expires } = witness;
  const more = [
    ...(owner === undefined ? [] : [`owner ${owner}`]),
    ...(ticket === undefined ? [] : [`ticket ${ticket}`]),
    ...(expires === undefined ? [] : [`expires after ${expires}`]),
  ];
  const annotated = more.length === 0 ? '' : ` [${more.join(', ')}]`;
  return `  ${what} by ${witness.team} at ${place(witness)} (${commit})${title}${annotated}`;
}

function decisionLines({ fail, witness }: RequestRule): string[] {
  const end = fail === 'closed' ? 'refused' : 'let through';
  return [
    witnessLine('each request decided', witness),
    `  ${end} while nobody can decide; dotline policy decisions shows what came of it`,
  ];
}

function missingLines(rule: MissingRule): string[] {
  return [
    colours.yellow(
      `  missing: a ${rule.side} of team ${rule.team} (ask ${rule.contact}); in ${rule.file}, ${rule.packageLine}:`,
    ),
    `    ${rule.rego}`,
  ];
}

function place(witness: Pick<Witness, 'file' | 'line'>): string {
  return `${witness.file}:${witness.line}`;
}
