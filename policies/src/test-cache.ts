import { mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from './build-cache.js';
import { keepFile, pruneOldest } from './kept-files.js';
import type { PolicyUnit } from './policy-unit.js';

/** Raised whenever a run would be stored in another form. */
const FORMAT = 1;
const RUNS_MAX = 2_000;
const RUNS_KEPT = 1_500;
/** An entry's age is renewed only when it is so old. */
const RENEWED_AFTER_MS = 3_600_000;

/**
 * What OPA answers differently from time to time, however it is written: the built-in functions that are
 * `nondeterministic` in https://www.openpolicyagent.org/docs/policy-reference#built-in-functions.
 */
const OF_THE_MOMENT = new RegExp(
  [
    ...['http.send', 'io.jwt.decode_verify', 'net.lookup_ip_addr', 'opa.runtime', 'rand.intn'],
    ...['time.now_ns', 'uuid.rfc4122', 'io.jwt.encode_sign', 'io.jwt.encode_sign_raw'],
    ...['crypto.x509.parse_and_verify_certificates(_with_options)?'],
  ]
    .map((name) => `\\b${name.replaceAll('.', '\\W{1,6}')}\\b`)
    .join('|'),
);

/** A run of one owner's tests in which all held. */
const Run = z.object({
  results: z.array(
    z.object({
      team: z.string(),
      package: z.string(),
      name: z.string(),
      file: z.string(),
      line: z.number(),
      outcome: z.enum(['passed', 'skipped']),
      durationMs: z.number(),
    }),
  ),
  coverage: z
    .object({
      team: z.string(),
      coveredLines: z.number(),
      lines: z.number(),
      uncovered: z.array(z.object({ file: z.string(), line: z.number() })),
    })
    .exactOptional(),
});
export type HeldRun = z.infer<typeof Run>;

/**
 * Names all that a run depends on: format, OPA, the owner's files, and the catalog. Platform rules are not
 * among it, as tests of a team see none. `undefined` when it depends on more, such as the time.
 * @param catalog as the tests see it
 */
export function testKey(
  opaVersion: string,
  { owner, sources, tests }: PolicyUnit,
  catalog: string,
): string | undefined {
  const files = [...sources, ...tests].map(({ file, text }) => [file, text]);
  if (files.some(([, text = '']) => OF_THE_MOMENT.test(text))) return undefined;
  return sha256(JSON.stringify([FORMAT, opaVersion, owner, files, sha256(catalog)]));
}

/**
 * Runs in which every test held, on disk; one that failed is run again, since a person waits for it. Shared by
 * processes: files appear by rename, complete. Past two thousand those go that were not used for the longest time.
 */
export class TestCache {
  constructor(readonly directory: string) {}

  async find(key: string): Promise<HeldRun | undefined> {
    try {
      const path = this.#path(key);
      const run = Run.parse(JSON.parse(await readFile(path, 'utf8')));
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > RENEWED_AFTER_MS) await utimes(path, new Date(), new Date());
      return run;
    } catch {
      // Absent, being pruned or damaged: all mean "run it again".
      return undefined;
    }
  }

  /** That a run cannot be kept costs time and nothing else. */
  async store(key: string, run: HeldRun): Promise<void> {
    await mkdir(this.directory, { recursive: true }).catch(() => undefined);
    await keepFile(this.#path(key), run);
    await pruneOldest(this.directory, RUNS_MAX, RUNS_KEPT).catch(() => undefined);
  }

  #path(key: string): string {
    return join(this.directory, `${key}.json`);
  }
}
