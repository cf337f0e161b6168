import type { RequestDecisionsView } from '@dotline/topology-ui/api';
import { type Command, InvalidArgumentError, Option } from 'commander';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { milliseconds, table } from './format.js';
import type { CommandTools } from './least-privilege-commands.js';
import { readApi } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';

const LIMIT_MAX = 1_000;

interface DecisionsOptions {
  readonly mesh: string;
  readonly address?: string;
  readonly json?: boolean;
  readonly team?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly limit: number;
}

/** `dotline policy decisions`. */
export function policyDecisionsCommand({ command, show }: CommandTools): Command {
  return command('decisions', 'What rules about single requests decided in the last day')
    .option('--team <team>', 'only those of this team')
    .option('--operation <operation>', 'only those about this operation')
    .addOption(
      new Option('--outcome <outcome>', 'only those that ended so').choices([
        'allowed',
        'refused',
        'undecided',
      ]),
    )
    .addOption(
      new Option('--limit <number>', 'how many, the newest first').argParser(limitOf).default(50),
    )
    .action(async (options: DecisionsOptions) => {
      show(options, decisionsAnswer(await readDecisions(options)));
    });
}

async function readDecisions(options: DecisionsOptions): Promise<RequestDecisionsView> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  for (const key of ['team', 'operation', 'outcome'] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  return readApi(await resolveAddress(options), `/api/request-decisions?${query}`);
}

const HEAD = ['when', 'outcome', 'caller', 'operation', 'rule', 'why', 'took', 'trace'];

function decisionsAnswer(view: RequestDecisionsView): Answer {
  const { decisions } = view;
  const rows = decisions.map((each) => [
    new Date(each.atMs).toISOString().slice(0, 23).replace('T', ' '),
    paint(each.outcome),
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

function paint(outcome: RequestDecisionsView['decisions'][number]['outcome']): string {
  if (outcome === 'allowed') return colours.green(outcome);
  return outcome === 'refused' ? colours.yellow(outcome) : colours.red(outcome);
}

function limitOf(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > LIMIT_MAX) {
    throw new InvalidArgumentError(`a limit is from 1 to ${LIMIT_MAX}`);
  }
  return value;
}
