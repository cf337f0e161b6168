import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { GitRefError } from '@dotline/control-plane/change-preview/git-ref-error';
import { PartError } from '@dotline/local-parts/part-error';
import { RepositoryError } from '@dotline/mesh-repository/repository-error';
import { MeshError } from '@dotline/model/mesh-error';
import { BranchError } from '@dotline/policies/branch-error';
import { OpaError } from '@dotline/policies/opa-error';
import { MachineError } from '@dotline/runner/machine-check';
import { meshFolders } from '@dotline/runner/mesh-state';
import { readRun } from '@dotline/runner/run-file';
import type {
  EdgeView,
  ObjectiveView,
  ServiceView,
  SidecarsView,
  StatusView,
} from '@dotline/topology-ui/api';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { BaseError } from './base-error.js';
import {
  type Answer,
  edgesAnswer,
  objectivesAnswer,
  servicesAnswer,
  statusAnswer,
} from './commands.js';
import { parseRange } from './comparison-range.js';
import { parseDuration } from './duration.js';
import { ExitCode } from './exit-code.js';
import { explainAnswer } from './explain-answer.js';
import { gitCommands } from './git-commands.js';
import { leastPrivilegeCommands } from './least-privilege-commands.js';
import { networkPolicyCommands } from './network-policy-commands.js';
import { opaBinary } from './opa-binary.js';
import { ApiError, readApi, UnavailableError } from './page-server-client.js';
import { policyTestAnswer } from './policy-answer.js';
import { policyCheckAnswer } from './policy-check-answer.js';
import { policyDecisionsCommand } from './policy-decisions.js';
import { policyFormatAnswer } from './policy-format-answer.js';
import { policyShadowCommands } from './policy-shadow-commands.js';
import { oneProxyStatusAnswer, proxyStatusAnswer } from './proxy-status-answer.js';
import { resolveAddress } from './resolve-address.js';
import { rollbackCommands } from './rollback-commands.js';
import { rolloutCommands } from './rollout-commands.js';
import { TargetError } from './target-error.js';
import { UnknownTeamError } from './unknown-team-error.js';
import { waitAnswer } from './wait.js';

interface ReadOptions {
  readonly mesh: string;
  readonly json?: boolean;
  readonly address?: string;
}

interface CheckOptions extends ReadOptions {
  readonly strict?: boolean;
  readonly format: 'text' | 'editor';
}

interface DiffOptions extends ReadOptions {
  readonly page?: boolean;
  readonly markdown?: boolean;
  readonly days: number;
}

interface UpOptions {
  readonly mesh: string;
  readonly port: number;
  readonly detach?: boolean;
  readonly follow?: string;
}

const DEFAULT_PORT = 8080;
const TRAFFIC_DAYS_MAX = 90;
const DETACHED_START_TIMEOUT_MS = 900_000;

// Commands load what is large only when they need it: a whole Envoy API, the runner, the compiler.
const program: Command = new Command('dotline')
  .description('Each service is a dot, every line is an enforced network rule, coloured by team.')
  .showHelpAfterError('(dotline --help lists the commands)')
  .exitOverride();

command(
  'status',
  'The live revision and the sidecars that hold it; exit code 0 only when all do',
).action((options: ReadOptions) =>
  answer(options, async (address) =>
    statusAnswer(await readApi<StatusView>(address, '/api/status')),
  ),
);
command('services', 'Services with their owners, health and traffic').action(
  (options: ReadOptions) =>
    answer(options, async (address) =>
      servicesAnswer(await readApi<ServiceView[]>(address, '/api/services')),
    ),
);
command('edges', 'Allowed edges with their operations and traffic').action((options: ReadOptions) =>
  answer(options, async (address) => edgesAnswer(await readApi<EdgeView[]>(address, '/api/edges'))),
);
command(
  'explain',
  'Why one service may call another, or what is missing; exit code 1 when it may not',
)
  .argument('<from>', 'caller service')
  .argument('<to>', 'callee service')
  .action((from: string, to: string, options: ReadOptions) =>
    answer(options, async (address) =>
      explainAnswer(await readApi(address, `/api/explain/${serviceName(from)}/${serviceName(to)}`)),
    ),
  );
command(
  'slo',
  'Objectives with their error budgets and alerts; exit code 1 while one pages',
).action((options: ReadOptions) =>
  answer(options, async (address) =>
    objectivesAnswer(await readApi<ObjectiveView[]>(address, '/api/objectives')),
  ),
);

command(
  'wait',
  'Wait until every sidecar that a revision touches holds it; exit code 1 names those that lag',
)
  .argument('<revision>', 'its id or commit (seven characters are enough), or live')
  .addOption(
    new Option('--for <duration>', 'for at most so long, such as 30s or 2m')
      .argParser(durationMs)
      .default(30_000, '30s'),
  )
  .action((revision: string, options: ReadOptions & { readonly for: number }) =>
    answer(options, (address) => waitAnswer(address, revision, options.for)),
  );

const proxy = program.command('proxy').description('Sidecars: what each was given, and uses');
command(
  'status',
  'How far each sidecar is with each type; exit code 0 only when all are synced on the live revision',
  proxy,
)
  .argument('[sidecar]', 'such as fare-1')
  .action((sidecar: string | undefined, options: ReadOptions) =>
    answer(options, async (address) =>
      sidecar === undefined
        ? proxyStatusAnswer(await readSidecars(address))
        : oneProxyStatusAnswer(await readSidecars(address, sidecar)),
    ),
  );
command(
  'diff',
  "What the control plane holds for a sidecar against its Envoy's own words; exit code 1 when they differ",
  proxy,
)
  .argument('[sidecar]', 'such as fare-1')
  .option('--all', 'every sidecar of the mesh')
  .action((sidecar: string | undefined, options: ReadOptions & { readonly all?: boolean }) => {
    if ((sidecar === undefined) !== (options.all === true))
      program.error('error: name one sidecar, or say --all');
    return answer(options, async (address) => {
      const { sidecars } = await readSidecars(address, sidecar);
      const { openHeldConfig } = await import('./control-plane-access.js');
      const { proxyDiffAnswer } = await import('./proxy-diff.js');
      const held = await openHeldConfig(options);
      try {
        return await proxyDiffAnswer(sidecars, held);
      } finally {
        held.close();
      }
    });
  });

const policy = program.command('policy').description('Rules of the teams');
policy
  .command('test')
  .description('Check every rule and run the opa tests of every team')
  .option('--mesh <directory>', 'mesh directory', '.')
  .option('--json', 'for machines')
  .action(async (options: ReadOptions) => {
    const { testPolicies } = await import('@dotline/policies/test-policies');
    const opa = await opaBinary();
    const { loadMesh } = await import('@dotline/model/load-mesh');
    const mesh = await loadMesh(options.mesh);
    const run = await testPolicies(mesh, { opaPath: opa.path });
    show(options, policyTestAnswer(run));
  });
policy
  .command('check')
  .description(
    'All that is wrong or dubious about the rules, with the way out; exit code 1 when there is an error',
  )
  .option('--mesh <directory>', 'mesh directory', '.')
  .option('--strict', 'exit code 1 for warnings too')
  .addOption(
    new Option('--format <format>', 'editor: one line for each remark, and nothing else')
      .choices(['text', 'editor'])
      .default('text'),
  )
  .option('--json', 'for machines')
  .action(async (options: CheckOptions) => {
    const { checkPolicies } = await import('@dotline/policies/check-policies');
    const { cacheDirectory } = await import('@dotline/local-parts/cache-directory');
    const opa = await opaBinary();
    const report = await checkPolicies(options.mesh, {
      opaPath: opa.path,
      cacheDirectory: await cacheDirectory('checked'),
      nowMs: Date.now(),
    });
    const { mesh, format, strict = false } = options;
    show(options, policyCheckAnswer(report, { mesh, format, strict }));
  });
policy
  .command('fmt')
  .description("Format the teams' and the platform's Rego with opa fmt")
  .option('--mesh <directory>', 'mesh directory', '.')
  .option('--check', 'write nothing; exit code 1 when a file would be written')
  .option('--json', 'for machines')
  .action(async (options: ReadOptions & { readonly check?: boolean }) => {
    const { formatPolicies } = await import('@dotline/policies/format-policies');
    const opa = await opaBinary();
    const checkOnly = options.check === true;
    const result = await formatPolicies(options.mesh, { opaPath: opa.path, checkOnly });
    show(options, policyFormatAnswer(result, checkOnly));
  });

command(
  'diff',
  'What a change of the rules would do before it is made; exit code 1 when it is not safe, 3 when that is not known',
  policy,
)
  .argument(
    '[range]',
    'base..head, or head alone: branches, tags or commits; without a base the live revision, else HEAD; without a head the working directory',
  )
  .option('--markdown', 'for a pull request')
  .option('--page', 'keep it for 14 days as a page, and print where')
  .addOption(new Option('--days <number>', 'days of traffic to look at').argParser(days).default(7))
  .action(async (range: string | undefined, options: DiffOptions) => {
    const sides = range === undefined ? { base: undefined, head: undefined } : parseRange(range);
    if (sides === undefined) program.error('error: a range is base..head, such as main..HEAD');
    if (options.json && options.markdown) program.error('error: --json or --markdown, not both');
    const { policyDiff } = await import('./policy-diff.js');
    const { policyDiffAnswer } = await import('./policy-diff-answer.js');
    const opa = await opaBinary();
    const result = await policyDiff(sides, { ...options, opaPath: opa.path });
    const page = options.page
      ? await (await import('./preview-page.js')).keepPreview(result, options)
      : null;
    show(options, policyDiffAnswer(result, options.markdown ? 'markdown' : 'text', page));
  });

leastPrivilegeCommands({
  command: (name, description) => command(name, description, policy),
  show,
});

policyDecisionsCommand({
  command: (name, description) => command(name, description, policy),
  show,
});

gitCommands(program);

policyShadowCommands(policy, { command, durationMs, show });

rollbackCommands(program, { command, durationMs, answer });

networkPolicyCommands(program, { command, show });

const rollout = program
  .command('rollout')
  .description('The rollout in waves that runs or ran last');
rolloutCommands({ command: (name, description) => command(name, description, rollout), show });

program
  .command('up')
  .description('Run a mesh on this machine until Ctrl-C')
  .option('--mesh <directory>', 'mesh directory', '.')
  .option('--port <port>', 'port of the page', parsePort, DEFAULT_PORT)
  .option('--detach', 'return when it is up; dotline down stops it')
  .option('--follow <url#branch>', 'bring what is pushed to a branch into the mesh directory')
  .action(async ({ follow, ...given }: UpOptions) => {
    const options: UpOptions = { ...given, ...(await following(given.mesh, follow)) };
    if (options.detach) return upDetached(options);
    const { up } = await import('@dotline/runner/up');
    await up({
      meshDirectory: options.mesh,
      port: options.port,
      ...(options.follow === undefined ? {} : { follow: options.follow }),
      print: (line) => console.log(line),
    });
  });

program
  .command('down')
  .description('Stop the mesh of a directory')
  .option('--mesh <directory>', 'mesh directory', '.')
  .action(async (options: { readonly mesh: string }) => {
    const { down } = await import('@dotline/runner/down');
    const result = await down(options.mesh);
    console.log(result === 'stopped' ? 'Stopped.' : 'It was not up.');
  });

function command(name: string, description: string, parent = program): Command {
  return parent
    .command(name)
    .description(description)
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--address <url>', 'page server, when it is not that of the mesh directory')
    .option('--json', 'for machines');
}

async function answer(
  options: ReadOptions,
  ask: (address: string) => Promise<Answer>,
): Promise<void> {
  show(options, await ask(await resolveAddress(options)));
}

function show(options: ReadOptions, { text, value, exitCode }: Answer): void {
  const said = options.json ? JSON.stringify(value, null, 2) : text;
  if (said !== '') console.log(said);
  process.exitCode = exitCode;
}

/** Makes a mesh directory able to follow a branch, when it is to. */
async function following(mesh: string, follow: string | undefined): Promise<{ follow?: string }> {
  if (follow === undefined) return {};
  const { ensureFollowing } = await import('@dotline/mesh-repository/following-checkout');
  return { follow: await ensureFollowing(mesh, follow) };
}

/** Starts this command again in the background and waits until it is up or has failed. */
async function upDetached(options: UpOptions): Promise<void> {
  const folders = await meshFolders(options.mesh);
  await mkdir(folders.logs, { recursive: true });
  const path = join(folders.logs, 'runner.log');
  const log = await open(path, 'w');
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('../bin/dotline.js', import.meta.url)),
      'up',
      '--mesh',
      options.mesh,
      '--port',
      String(options.port),
      ...(options.follow === undefined ? [] : ['--follow', options.follow]),
    ],
    { detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const untilMs = Date.now() + DETACHED_START_TIMEOUT_MS;
  while (child.exitCode === null && Date.now() < untilMs) {
    const run = await readRun(folders);
    if (run?.pid === child.pid) {
      console.log(`Dotline is up: ${run?.pageUrl}. npx dotline down stops it.`);
      child.unref();
      return;
    }
    await sleep(200);
  }
  throw new MachineError(`the mesh did not start; ${path} says why`);
}

function readSidecars(address: string, sidecar?: string): Promise<SidecarsView> {
  const one = sidecar === undefined ? '' : `/${encodeURIComponent(sidecar)}`;
  return readApi(address, `/api/sidecars${one}`);
}

function durationMs(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined)
    throw new InvalidArgumentError('a duration is a number with a unit, such as 30s or 2m');
  return duration;
}

/** A service as a person names it, or as the answer to a denied request does: by its SPIFFE ID. */
function serviceName(text: string): string {
  return encodeURIComponent(text.startsWith('spiffe://') ? (text.split('/').at(-1) ?? text) : text);
}

function days(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > TRAFFIC_DAYS_MAX)
    throw new InvalidArgumentError(`a number of days is from 1 to ${TRAFFIC_DAYS_MAX}`);
  return value;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is a number from 1 to 65535');
  return port;
}

/** The one place where errors become a line and an exit code. */
function reportError(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (
    error instanceof GitRefError ||
    error instanceof BranchError ||
    error instanceof TargetError ||
    error instanceof UnknownTeamError
  ) {
    console.error(error.message);
    return ExitCode.usage;
  }
  if (
    error instanceof MeshError ||
    error instanceof BaseError ||
    error instanceof OpaError ||
    error instanceof PartError ||
    error instanceof RepositoryError ||
    error instanceof MachineError ||
    error instanceof UnavailableError
  ) {
    console.error(error.message);
    return ExitCode.unavailable;
  }
  if (error instanceof ApiError) {
    console.error(error.message);
    return error.status < 500 ? ExitCode.usage : ExitCode.unavailable;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return ExitCode.unavailable;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
