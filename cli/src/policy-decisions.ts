import type { DecisionCountsView, RequestDecisionsView } from '@dotline/topology-ui/decision-view';
import { type Command, Option } from 'commander';
import colours from 'picocolors';
import { wholeNumber } from './arguments.js';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { milliseconds, table } from './format.js';
import { type MeshOptions, meshCommand, show } from './mesh-command.js';
import { readApi } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';

const LIMIT_MAX = 1_000;

interface DecisionsOptions extends MeshOptions {
  readonly team?: string;
  readonly caller?: string;
  readonly callee?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly limit: number;
  readonly counts?: boolean;
}

/** `dotline policy decisions`. */
export function policyDecisionsCommand(policy: Command): void {
  meshCommand(policy, 'decisions', 'What rules about single requests decided in the last day')
    .option('--team <team>', 'only those of this team')
    .option('--caller <service>', 'only those about its requests')
    .option('--callee <service>', 'only those about requests for it')
    .option('--operation <operation>', 'only those about this operation')
    .addOption(
      new Option('--outcome <outcome>', 'only those that ended so').choices([
        'allowed',
        'refused',
        'undecided',
      ]),
    )
    .addOption(
      new Option('--limit <number>', 'how many, the newest first')
        .argParser(wholeNumber('a limit', 1, LIMIT_MAX))
        .default(50),
    )
    .option(
      '--counts',
      'how many were allowed, refused and undecided in the last 5 minutes and the last hour, by operation',
    )
    .action(async (options: DecisionsOptions) => {
      const answer = options.counts
        ? countsAnswer(await readCounts(options))
        : decisionsAnswer(await readDecisions(options));
      show(options, answer);
    });
}

async function readDecisions(options: DecisionsOptions): Promise<RequestDecisionsView> {
  const query = queryOf(options);
  query.set('limit', String(options.limit));
  if (options.outcome !== undefined) query.set('outcome', options.outcome);
  return readApi(await resolveAddress(options), `/api/request-decisions?${query}`);
}

async function readCounts(options: DecisionsOptions): Promise<DecisionCountsView> {
  const address = await resolveAddress(options);
  return readApi(address, `/api/request-decisions/counts?${queryOf(options)}`);
}

function queryOf(options: DecisionsOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const key of ['team', 'caller', 'callee', 'operation'] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  return query;
}

const HEAD = ['when', 'outcome', 'caller', 'operation', 'rule', 'why', 'took', 'trace'];

function decisionsAnswer(view: RequestDecisionsView): Answer {
  const { decisions } = view;
  const rows = decisions.map((each) => [
    new Date(each.atMs).toISOString().slice(0, 23).replace('T', ' '),
    paint(each.outcome) + (each.outcome === 'undecided' ? passed(each.fail) : ''),
    each.caller,
    each.operation,
    each.rule,
    each.reason,
    milliseconds(each.latencyUs / 1000),
    each.traceId,
  ]);
  return {
    text: rows.length === 0 ? 'nothing was decided in the last day' : table(HEAD, rows),
    value: view,
    exitCode: ExitCode.ok,
  };
}

const COUNTS_HEAD = [
  'operation',
  ...['5 min', '1 h'].flatMap((span) => [
    `allowed ${span}`,
    `refused ${span}`,
    `undecided ${span}`,
  ]),
];

function countsAnswer(view: DecisionCountsView): Answer {
  const rows = view.operations.map(({ operation, lastMinutes, lastHour }) => [
    operation,
    ...[lastMinutes, lastHour].flatMap(({ allowed, refused, undecided }) =>
      [allowed, refused, undecided].map(String),
    ),
  ]);
  return {
    text: rows.length === 0 ? 'nothing was decided in the last hour' : table(COUNTS_HEAD, rows),
    value: view,
    exitCode: ExitCode.ok,
  };
}

/** What became of a request that nobody could decide. */
function passed(fail: RequestDecisionsView['decisions'][number]['fail']): string {
  if (fail === '') return '';
  return fail === 'open' ? ', let through' : ', refused';
}

function paint(outcome: RequestDecisionsView['decisions'][number]['outcome']): string {
  if (outcome === 'allowed') return colours.green(outcome);
  return outcome === 'refused' ? colours.yellow(outcome) : colours.red(outcome);
}
