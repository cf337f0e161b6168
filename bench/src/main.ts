// `npm run bench -- xds` measures the xDS library beside its peers and prints both; `-- policies` measures the
// policy compiler in the same way, `-- policy-change` what changes of policy do to traffic.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { machineLine } from './machine.js';
import { isIstio, type ServerName } from './measured-server.js';
import { type Options, readOptions, UsageError } from './options.js';
import { measurePolicies, policyReport } from './policies/policies.js';
import { measurePolicyChange, policyChangeReport } from './policies/policy-change.js';
import { topOfProfile } from './profile.js';
import { buildGo } from './programs.js';
import { report } from './report.js';
import { Results } from './results.js';
import { dotline } from './scenarios/dotline.js';
import { istioAuthorization } from './scenarios/istio-authorization.js';
import { oneEndpoint, profileFile } from './scenarios/one-endpoint.js';
import { restart } from './scenarios/restart.js';
import { storm } from './scenarios/storm.js';
import { touchingK } from './scenarios/touching-k.js';
import { visit } from './scenarios/visit.js';

const holdSidecars = 10_000;
const holdChanges = 3;

interface Run {
  readonly options: Options;
  /** The load client's. */
  readonly program: string;
  readonly results: Results;
}

interface Measurement {
  readonly what: string;
  readonly measure: () => Promise<void>;
}

async function run(options: Options): Promise<void> {
  const machine = machineLine();
  const run = { options, program: buildGo('go', 'load-client'), results: new Results() };
  if (options.profileDirectory !== undefined) {
    mkdirSync(options.profileDirectory, { recursive: true });
  }
  for (let round = 1; round <= options.rounds; round++) {
    for (const name of options.servers) {
      for (const { what, measure } of [...policyOf(name, run), ...streamsOf(name, run)]) {
        say(`Round ${round} of ${options.rounds}: ${what} …`);
        await attempt(measure);
      }
    }
  }
  if (options.scenarios.includes('hold')) {
    for (const name of options.servers.filter(servesEndpoints)) {
      say(`${name} holds ${holdSidecars} streams …`);
      await attempt(() => hold(name, run));
    }
  }
  print(options, run.results, machine);
}

/** A change of policy, in Dotline and in Istio. */
function policyOf(name: ServerName, { options, program, results }: Run): Measurement[] {
  const { sidecars, changes, profileDirectory } = options;
  if (!options.scenarios.includes('dotline')) {
    return [];
  }
  if (name === 'ours') {
    const file = profileDirectory && resolve(profileDirectory, 'dotline.cpuprofile');
    const measure = () => dotline(sidecars, changes, program, results, file);
    return [{ what: `Dotline's control plane with ${sidecars} sidecars`, measure }];
  }
  if (isIstio(name)) {
    const measure = () => istioAuthorization(name, sidecars, changes, program, results);
    return [{ what: `policy in ${name} with ${sidecars} sidecars`, measure }];
  }
  return [];
}

/** What a server of clusters and endpoints costs. */
function streamsOf(name: ServerName, { options, program, results }: Run): Measurement[] {
  const { sidecars, changes, profileDirectory } = options;
  const wants = (scenario: Options['scenarios'][number]) => options.scenarios.includes(scenario);
  if (!servesEndpoints(name)) {
    return [];
  }
  const steps = [
    ...(wants('one-endpoint') ? [oneEndpoint(changes, profileDirectory)] : []),
    ...(wants('touching-k') && hasSnapshots(name) ? [touchingK] : []),
    ...(wants('storm') && name !== 'bare' && name !== 'go-control-plane' ? [storm] : []),
  ];
  const profile =
    profileDirectory === undefined
      ? {}
      : { profileFile: profileFile(profileDirectory, name, 'initial-sync') };
  return [
    ...(steps.length > 0 || wants('initial-sync') || wants('memory')
      ? [
          {
            what: `${name} with ${sidecars} sidecars`,
            measure: () => visit(name, sidecars, program, results, steps, profile),
          },
        ]
      : []),
    ...(wants('restart') && hasSnapshots(name)
      ? [
          {
            what: `${name} is killed and comes back`,
            measure: () => restart(name, sidecars, program, results),
          },
        ]
      : []),
  ];
}

function hold(name: ServerName, { program, results }: Run): Promise<void> {
  const label = `${holdSidecars} streams: `;
  return visit(name, holdSidecars, program, results, [oneEndpoint(holdChanges)], { label });
}

/** `istio-scoped` differs from Istio in what policy is served to. */
function servesEndpoints(name: ServerName): boolean {
  return name !== 'istio-scoped';
}

/** Servers whose sidecars can be changed apart from each other, and that can start at a change. */
function hasSnapshots(name: ServerName): boolean {
  return name === 'ours' || name === 'go-control-plane';
}

/** A server that fails or hangs costs its own numbers and not those of the others. */
async function attempt(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    say(`Without numbers: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

function print({ format, profileDirectory }: Options, results: Results, machine: string): void {
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify({ machine, readings: results.readings }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${report(results, machine, format)}\n`);
  if (profileDirectory !== undefined) {
    const files = readdirSync(profileDirectory).filter((name) => name.endsWith('.cpuprofile'));
    for (const file of files.map((name) => resolve(profileDirectory, name))) {
      process.stdout.write(`\n${file}\n${topOfProfile(readFileSync(file, 'utf8'))}\n`);
    }
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function read(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    if (error instanceof UsageError) {
      say(error.message);
      process.exit(2);
    }
    throw error;
  }
}

switch (process.argv[2]) {
  case 'policies': {
    const machine = machineLine();
    process.stdout.write(`${policyReport(await measurePolicies(say), machine)}\n`);
    break;
  }
  case 'policy-change': {
    const machine = machineLine();
    process.stdout.write(`${policyChangeReport(await measurePolicyChange(say), machine)}\n`);
    break;
  }
  default:
    await run(read());
}
