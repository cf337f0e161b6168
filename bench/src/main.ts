// `npm run bench -- xds` measures the xDS library beside its peers and prints both; `-- policies` measures the
// policy compiler in the same way, `-- policy-change` what changes of policy do to traffic.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { machineLine } from './machine.js';
import type { ServerName } from './measured-server.js';
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

async function run(options: Options): Promise<void> {
  const machine = machineLine();
  const results = new Results();
  const program = buildGo('go', 'load-client');
  const { profileDirectory, sidecars, changes, scenarios } = options;
  const wants = (name: Options['scenarios'][number]) => scenarios.includes(name);
  if (profileDirectory !== undefined) {
    mkdirSync(profileDirectory, { recursive: true });
  }
  for (let round = 1; round <= options.rounds; round++) {
    for (const name of options.servers) {
      const steps = [
        ...(wants('one-endpoint') ? [oneEndpoint(changes, profileDirectory)] : []),
        ...(wants('touching-k') && hasSnapshots(name) ? [touchingK] : []),
        ...(wants('storm') && name !== 'bare' && name !== 'go-control-plane' ? [storm] : []),
      ];
      if (steps.length > 0 || wants('initial-sync') || wants('memory')) {
        say(`Round ${round} of ${options.rounds}: ${name} with ${sidecars} sidecars …`);
        const profile =
          profileDirectory === undefined
            ? {}
            : { profileFile: profileFile(profileDirectory, name, 'initial-sync') };
        await attempt(() => visit(name, sidecars, program, results, steps, profile));
      }
      if (wants('dotline') && (name === 'ours' || name.startsWith('istio'))) {
        say(`Round ${round} of ${options.rounds}: policy of ${sidecars} sidecars, ${name} …`);
        const file = profileDirectory && resolve(profileDirectory, 'dotline.cpuprofile');
        await attempt(() =>
          name === 'ours'
            ? dotline(sidecars, changes, program, results, file)
            : istioAuthorization(name, sidecars, changes, program, results),
        );
      }
      if (wants('restart') && hasSnapshots(name)) {
        say(`Round ${round} of ${options.rounds}: ${name} is killed and comes back …`);
        await attempt(() => restart(name, sidecars, program, results));
      }
    }
  }
  if (wants('hold')) {
    for (const name of options.servers) {
      say(`${name} holds ${holdSidecars} streams …`);
      const label = `${holdSidecars} streams: `;
      await attempt(() =>
        visit(name, holdSidecars, program, results, [oneEndpoint(holdChanges)], { label }),
      );
    }
  }
  print(options, results, machine);
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

const [benchmark] = process.argv.slice(2);
if (benchmark === 'policies') {
  const machine = machineLine();
  process.stdout.write(`${policyReport(await measurePolicies(say), machine)}\n`);
} else if (benchmark === 'policy-change') {
  const machine = machineLine();
  process.stdout.write(`${policyChangeReport(await measurePolicyChange(say), machine)}\n`);
} else {
  await run(read());
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
