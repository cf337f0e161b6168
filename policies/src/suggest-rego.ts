import { describeCaller } from './finding.js';
import { teamPackage } from './policy-unit.js';
import type { CallerSelector } from './relations.js';
import type { SuggestedRule } from './suggest-rules.js';

/** Reasons that stand above a rule; a longer list helps nobody. */
const REASONS_MAX = 12;
const NAMED_MAX = 3;

/** A team's suggested rules as a Rego file, formatted as `opa fmt` does. */
export function suggestedRego(team: string, rules: readonly SuggestedRule[], days: number): string {
  return `${[`package ${teamPackage(team)}`, ...rules.map((rule) => ruleText(rule, days))].join('\n\n')}\n`;
}

function ruleText(rule: SuggestedRule, days: number): string {
  const { team, reasons, replaces } = rule;
  const shown = reasons.slice(0, REASONS_MAX);
  const description = [
    `Suggested from ${days} ${days === 1 ? 'day' : 'days'} of traffic.`,
    ...shown,
    ...(reasons.length > shown.length ? [`And ${reasons.length - shown.length} more.`] : []),
    ...replaces.map(({ file, line }) => `In place of the rule at ${file}:${line}.`),
  ];
  return [
    '# METADATA',
    `# title: ${JSON.stringify(titleOf(rule))}`,
    '# description: |',
    ...description.map((line) => `#   ${line}`),
    '# custom:',
    `#   owner: ${JSON.stringify(team)}`,
    '#   ticket: TODO',
    rule.side === 'need' ? needText(rule) : grantText(rule),
  ].join('\n');
}

function titleOf(rule: SuggestedRule): string {
  const [first = ''] = rule.operations;
  const [callee = ''] = first.split('.');
  const names = rule.operations.map((operation) => operation.slice(callee.length + 1));
  const what = `${callee}: ${named(names)}`;
  return rule.side === 'need'
    ? `${rule.service} calls ${what}`
    : `${named(rule.callers.map(describeCaller))} may use ${what}`;
}

function needText(rule: SuggestedRule & { readonly side: 'need' }): string {
  const [only, ...others] = rule.operations;
  const operation = others.length === 0 ? JSON.stringify(only) : 'operation';
  const purpose = rule.purpose === undefined ? '' : `, "purpose": ${JSON.stringify(rule.purpose)}`;
  const optional = rule.optional ? ', "optional": true' : '';
  const head = `needs contains {"service": ${JSON.stringify(rule.service)}, "operation": ${operation}${purpose}${optional}}`;
  return withBody(head, others.length === 0 ? [] : [some('operation', rule.operations)]);
}

function grantText(rule: SuggestedRule & { readonly side: 'grant' }): string {
  const { callers, operations } = rule;
  const [kind = 'service'] = callers.map((caller: CallerSelector) => caller.kind);
  const names = callers.map(({ name }) => name);
  const operation = operations.length === 1 ? JSON.stringify(operations[0]) : 'operation';
  const caller = names.length === 1 ? JSON.stringify(names[0]) : 'caller';
  return withBody(`grants contains {"operation": ${operation}, "caller": {"${kind}": ${caller}}}`, [
    ...(operations.length === 1 ? [] : [some('operation', operations)]),
    ...(names.length === 1 ? [] : [some('caller', names)]),
  ]);
}

function withBody(head: string, lines: readonly string[]): string {
  return lines.length === 0
    ? head
    : `${head} if {\n${lines.map((each) => `\t${each}\n`).join('')}}`;
}

function some(variable: string, values: readonly string[]): string {
  return `some ${variable} in [${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

function named(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return rest > 1 ? `${names.slice(0, NAMED_MAX).join(', ')} and ${rest} more` : names.join(', ');
}
