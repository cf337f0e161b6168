import { parseArgs } from 'node:util';
import { type ServerName, serverNames } from './measured-server.js';

const scenarioNames = [
  'initial-sync',
  'memory',
  'one-endpoint',
  'touching-k',
  'storm',
  'restart',
  'hold',
  'dotline',
] as const;
type ScenarioName = (typeof scenarioNames)[number];

export interface Options {
  readonly sidecars: number;
  readonly changes: number;
  readonly rounds: number;
  readonly servers: readonly ServerName[];
  readonly scenarios: readonly ScenarioName[];
  readonly format: 'text' | 'json' | 'markdown';
  /** Where CPU profiles of the servers go, if they are wanted. */
  readonly profileDirectory: string | undefined;
}

/** The command line is wrong; says how it would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(problem: string) {
    super(`${problem}\n\n${usage}`);
  }
}

const usage = `npm run bench -- policies
npm run bench -- policy-change
npm run bench -- xds [options]
  --sidecars N       streams, one TCP connection each (1000)
  --changes N        changes measured in a round (10)
  --rounds N         rounds, alternating between the servers (2)
  --servers LIST     of ${serverNames.join(', ')} (ours,go-control-plane,bare)
  --scenarios LIST   of ${scenarioNames.join(', ')}
                     (all but hold and dotline; dotline measures the whole control plane as
                     ours, and the same change of policy in Istio)
  --json             the numbers of every round, as JSON
  --markdown         tables in Markdown
  --profile DIR      CPU profiles of initial-sync and one-endpoint; they cost CPU themselves`;

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const [benchmark = 'xds'] = positionals;
  if (benchmark !== 'xds' || positionals.length > 1) {
    throw new UsageError(`there is no benchmark ${JSON.stringify(positionals.join(' '))}`);
  }
  return {
    sidecars: count('sidecars', values.sidecars, 1, 20_000),
    changes: count('changes', values.changes, 1, 1_000),
    rounds: count('rounds', values.rounds, 1, 20),
    servers: list('servers', values.servers, serverNames),
    scenarios: list('scenarios', values.scenarios, scenarioNames),
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
    profileDirectory: values.profile,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        sidecars: { type: 'string', default: '1000' },
        changes: { type: 'string', default: '10' },
        rounds: { type: 'string', default: '2' },
        servers: { type: 'string', default: 'ours,go-control-plane,bare' },
        scenarios: { type: 'string', default: scenarioNames.slice(0, -2).join(',') },
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        profile: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`--${name} must be a whole number from ${min} to ${max}, not ${text}`);
  }
  return value;
}

function list<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  return text.split(',').map((word) => {
    const name = known.find((each) => each === word.trim());
    if (name === undefined) {
      throw new UsageError(`--${option}: there is no ${JSON.stringify(word)}`);
    }
    return name;
  });
}
