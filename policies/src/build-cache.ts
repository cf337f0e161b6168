import { createHash, randomUUID } from 'node:crypto';
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ALLOWED_BUILTINS } from './allowed-builtins.js';
import type { BuiltUnit, UnitFacts } from './build-unit.js';
import type { PolicyUnit } from './policy-unit.js';

/** Raised whenever the same Rego would be compiled to something else, or stored in another form. */
const FORMAT = 5;
const ENTRIES_MAX = 4_000;
const ENTRIES_KEPT = 3_000;
/** An entry's age is renewed only when it is so old, because that costs as much as reading it. */
const RENEWED_AFTER_MS = 3_600_000;

/** SHA-256 of the WebAssembly, so that a file that a crash cut short is not taken for a policy. */
const Stored = z.object({ wasm: z.string().exactOptional() });

const Facts = z.object({
  rules: z.array(
    z.object({
      team: z.string(),
      file: z.string(),
      line: z.number(),
      title: z.string().exactOptional(),
      owner: z.string().exactOptional(),
      ticket: z.string().exactOptional(),
      expires: z.string().exactOptional(),
    }),
  ),
  copyLines: z.array(z.number()),
  entrypoints: z.array(z.string()),
  reads: z.array(z.array(z.string().nullable())),
  judgesOneByOne: z.boolean(),
  decision: z.object({ entrypoint: z.string(), readsCatalog: z.boolean() }).exactOptional(),
});

const Result = z.object({ asked: z.string(), sets: z.record(z.string(), z.unknown()) });

/** Everything that a build depends on: format, OPA, allowed builtins, and the unit's files. */
export function buildKey(opaVersion: string, unit: PolicyUnit): string {
  const { owner, package: name, emits, sources } = unit;
  const files = sources.map(({ file, text }) => [file, text]);
  const inputs = [FORMAT, opaVersion, [...ALLOWED_BUILTINS], owner, name, emits, files];
  return sha256(JSON.stringify(inputs));
}

/** A build as the cache knows it. */
export interface StoredBuild {
  readonly facts: UnitFacts;
  /** SHA-256 of its WebAssembly; absent when no rule emits anything. */
  readonly program?: string;
}

/** The emitted sets of a unit, by entrypoint, as they came out of an evaluation. */
export type EmittedSets = Readonly<Record<string, unknown>>;

/**
 * Successful builds on disk, one folder for each key, and in it what its last evaluations gave; shared by
 * processes, because folders and files appear by rename, complete, and the same key always holds the same
 * content. Past four thousand builds those go that were not used for the longest time.
 */
export class BuildCache {
  constructor(readonly directory: string) {}

  async find(key: string): Promise<StoredBuild | undefined> {
    try {
      const path = join(this.directory, key, 'facts.json');
      const json: unknown = JSON.parse(await readFile(path, 'utf8'));
      const facts = Facts.parse(json);
      const { wasm: program } = Stored.parse(json);
      await this.#renew(join(this.directory, key));
      return { facts, ...(program === undefined ? {} : { program }) };
    } catch {
      // Absent, being pruned or damaged: all mean "build it again".
      return undefined;
    }
  }

  /** The WebAssembly of a build, when it is there and whole. */
  async readProgram(key: string, program: string): Promise<Uint8Array | undefined> {
    const wasm = await readFile(join(this.directory, key, 'policy.wasm')).catch(() => undefined);
    return wasm !== undefined && sha256(wasm) === program ? wasm : undefined;
  }

  /** What an evaluation gave, if it was the last of its name: `asked` names all else that it depends on. */
  async readResult(key: string, name: string, asked: string): Promise<EmittedSets | undefined> {
    try {
      const path = join(this.directory, key, resultFile(name));
      const result = Result.parse(JSON.parse(await readFile(path, 'utf8')));
      return result.asked === asked ? result.sets : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps it for the next process. That it cannot be kept costs time and nothing else. */
  async storeResult(key: string, name: string, asked: string, sets: EmittedSets): Promise<void> {
    const path = join(this.directory, key, resultFile(name));
    const unfinished = `${path}.${process.pid}.${randomUUID()}`;
    try {
      await writeFile(unfinished, JSON.stringify({ asked, sets }));
      await rename(unfinished, path);
    } catch {
      await rm(unfinished, { force: true });
    }
  }

  /** Stores builds that share one WebAssembly, or have none. */
  async store(builds: ReadonlyMap<string, BuiltUnit>): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    let stored: { path: string; wasm: Uint8Array } | undefined;
    for (const [key, { facts, wasm }] of builds) {
      const unfinished = await mkdtemp(join(this.directory, 'unfinished-'));
      try {
        const content = wasm === undefined ? facts : { ...facts, wasm: sha256(wasm) };
        await writeFile(join(unfinished, 'facts.json'), JSON.stringify(content));
        const path = join(unfinished, 'policy.wasm');
        if (wasm !== undefined) {
          // The same file under each key, where the file system can; it goes with the last of them.
          const linked =
            stored?.wasm === wasm &&
            (await link(stored.path, path).then(
              () => true,
              () => false,
            ));
          if (!linked) await writeFile(path, wasm);
          stored = { path: join(this.directory, key, 'policy.wasm'), wasm };
        }
        await this.#replace(unfinished, join(this.directory, key));
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
    }
    await this.#prune();
  }

  /** Pruning spares what was used lately. */
  async #renew(folder: string): Promise<void> {
    const { mtimeMs } = await stat(folder);
    if (Date.now() - mtimeMs > RENEWED_AFTER_MS) await utimes(folder, new Date(), new Date());
  }

  async #replace(unfinished: string, folder: string): Promise<void> {
    try {
      await rename(unfinished, folder);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      // Somebody stored the key meanwhile, or the entry is damaged. It is moved away whole, since others
      // may be at the same; whose entry is then in its place does not matter.
      const old = await mkdtemp(join(this.directory, 'unfinished-'));
      try {
        await rename(folder, old).catch(unless('ENOENT'));
        await rename(unfinished, folder).catch(unless('ENOTEMPTY', 'EEXIST'));
      } finally {
        await rm(old, { recursive: true, force: true });
      }
    }
  }

  async #prune(): Promise<void> {
    const names = await readdir(this.directory);
    if (names.length <= ENTRIES_MAX) return;
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(this.directory, name);
        const found = await stat(path).catch(() => undefined);
        return { path, modifiedMs: found?.mtimeMs ?? 0 };
      }),
    );
    entries.sort((a, b) => b.modifiedMs - a.modifiedMs);
    for (const { path } of entries.slice(ENTRIES_KEPT)) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

function resultFile(name: string): string {
  return `result-${name}.json`;
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Passes over failures that say no more than that somebody else was faster. */
function unless(...codes: readonly string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}
