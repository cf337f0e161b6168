import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ALLOWED_BUILTINS } from './allowed-builtins.js';
import type { BuiltUnit, UnitFacts } from './build-unit.js';
import type { SectionHashes } from './catalog-path.js';
import { keepFile, pruneOldest } from './kept-files.js';
import { type PackedRows, packRows, unpackRows } from './packed-rows.js';
import type { PolicyUnit } from './policy-unit.js';

/**
 * Raised whenever the same Rego would be compiled to something else, the same mesh would have another catalog, or
 * either be stored in another form.
 */
const FORMAT = 7;
const ENTRIES_MAX = 4_000;
const ENTRIES_KEPT = 3_000;
/** An entry's age is renewed only when it is so old, because that costs as much as reading it. */
const RENEWED_AFTER_MS = 3_600_000;

/** What a file of facts holds. */
interface StoredFacts extends UnitFacts {
  /** SHA-256 of the WebAssembly, so that a file that a crash cut short is not taken for a policy. */
  readonly wasm?: string;
}

/** What a file of results holds. */
interface StoredResult {
  readonly asked: string;
  readonly sets: Readonly<Record<string, { packed: PackedRows } | { plain: unknown }>>;
}

/** Everything that a build depends on: format, OPA, allowed builtins, and the unit's files. */
export function buildKey(opaVersion: string, unit: PolicyUnit): string {
  const { owner, package: name, emits, sources } = unit;
  const files = sources.map(({ file, text }) => [file, text.length]);
  const inputs = [FORMAT, opaVersion, [...ALLOWED_BUILTINS], owner, name, emits, files];
  const hash = createHash('sha256').update(JSON.stringify(inputs));
  // The lengths say where one text ends and the next begins.
  for (const { text } of sources) hash.update(text);
  return hash.digest('hex');
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
 * content. So what can be read as JSON is as it was written. Past four thousand builds those go that were not used
 * for the longest time.
 */
export class BuildCache {
  constructor(readonly directory: string) {}

  async find(key: string): Promise<StoredBuild | undefined> {
    const folder = join(this.directory, key);
    const stored = readJson<StoredFacts>(join(folder, 'facts.json'));
    // Absent, being pruned or damaged: all mean "build it again".
    if (stored === undefined) return undefined;
    await this.#renew(folder);
    const { wasm: program, ...facts } = stored;
    return { facts, ...(program === undefined ? {} : { program }) };
  }

  /** The WebAssembly of a build, when it is there and whole. */
  async readProgram(key: string, program: string): Promise<Uint8Array | undefined> {
    const wasm = await readFile(join(this.directory, key, 'policy.wasm')).catch(() => undefined);
    return wasm !== undefined && sha256(wasm) === program ? wasm : undefined;
  }

  /** What an evaluation gave, if it was the last of its name: `asked` names all else that it depends on. */
  readResult(key: string, name: string, asked: string): EmittedSets | undefined {
    const stored = readJson<StoredResult>(join(this.directory, key, resultFile(name)));
    if (stored?.asked !== asked) return undefined;
    const sets = Object.entries(stored.sets).map(([set, rows]) => [
      set,
      'packed' in rows ? unpackRows(rows.packed) : rows.plain,
    ]);
    return Object.fromEntries(sets);
  }

  /** Keeps it for the next process. That it cannot be kept costs time and nothing else. */
  async storeResult(key: string, name: string, asked: string, sets: EmittedSets): Promise<void> {
    const stored: StoredResult = {
      asked,
      sets: Object.fromEntries(
        Object.entries(sets).map(([set, rows]) => {
          const packed = packRows(rows);
          return [set, packed === undefined ? { plain: rows } : { packed }];
        }),
      ),
    };
    await keepFile(join(this.directory, key, resultFile(name)), stored);
  }

  /** What is known of the catalog of a mesh whose content has this key. */
  readSections(meshKey: string): SectionHashes | undefined {
    return readJson(join(this.directory, sectionsEntry(meshKey), 'sections.json'));
  }

  /** Keeps it for the next process. That it cannot be kept costs time and nothing else. */
  async storeSections(meshKey: string, hashes: SectionHashes): Promise<void> {
    await mkdir(join(this.directory, sectionsEntry(meshKey)), { recursive: true });
    await keepFile(join(this.directory, sectionsEntry(meshKey), 'sections.json'), hashes);
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
    await pruneOldest(this.directory, ENTRIES_MAX, ENTRIES_KEPT);
  }

  /** Pruning spares what was used lately. */
  async #renew(folder: string): Promise<void> {
    const mtimeMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - mtimeMs <= RENEWED_AFTER_MS) return;
    await utimes(folder, new Date(), new Date()).catch(unless('ENOENT'));
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
}

/** Small files: waiting for each costs many times what reading it does. Nothing when it is absent or cut short. */
function readJson<Content>(path: string): Content | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function sectionsEntry(meshKey: string): string {
  return `catalog-${FORMAT}-${meshKey}`;
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
