import { createHash } from 'node:crypto';
import {
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
import type { BuiltUnit } from './build-unit.js';
import type { PolicyUnit } from './policy-unit.js';

/** Raised whenever the same Rego would be compiled to something else, or stored in another form. */
const FORMAT = 4;
const ENTRIES_MAX = 1_000;
const ENTRIES_KEPT = 800;

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
  readsCatalog: z.boolean(),
  decision: z.object({ entrypoint: z.string(), readsCatalog: z.boolean() }).exactOptional(),
});

/** Everything that a build depends on: format, OPA, allowed builtins, and the unit's files. */
export function buildKey(opaVersion: string, unit: PolicyUnit): string {
  const { owner, package: name, emits, sources } = unit;
  const files = sources.map(({ file, text }) => [file, text]);
  const inputs = [FORMAT, opaVersion, [...ALLOWED_BUILTINS], owner, name, emits, files];
  return sha256(JSON.stringify(inputs));
}

/**
 * Successful builds on disk, one folder for each key; shared by processes, because a folder appears by
 * rename, complete, and the same key always holds the same content. Past a thousand builds those go that were not used for the longest time.
 */
export class BuildCache {
  constructor(readonly directory: string) {}

  async find(key: string): Promise<BuiltUnit | undefined> {
    try {
      const folder = join(this.directory, key);
      const json: unknown = JSON.parse(await readFile(join(folder, 'facts.json'), 'utf8'));
      const facts = Facts.parse(json);
      const { wasm: digest } = Stored.parse(json);
      const wasm = digest === undefined ? undefined : await readFile(join(folder, 'policy.wasm'));
      if (wasm !== undefined && sha256(wasm) !== digest) return undefined;
      // Pruning spares what was used lately.
      await utimes(folder, new Date(), new Date());
      return { facts, ...(wasm === undefined ? {} : { wasm }) };
    } catch {
      // Absent, being pruned or damaged: all mean "build it again".
      return undefined;
    }
  }

  async store(key: string, built: BuiltUnit): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const unfinished = await mkdtemp(join(this.directory, 'unfinished-'));
    try {
      const { facts, wasm } = built;
      const stored = wasm === undefined ? facts : { ...facts, wasm: sha256(wasm) };
      await writeFile(join(unfinished, 'facts.json'), JSON.stringify(stored));
      if (wasm !== undefined) await writeFile(join(unfinished, 'policy.wasm'), wasm);
      await this.#replace(unfinished, join(this.directory, key));
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
    await this.#prune();
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

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Passes over failures that say no more than that somebody else was faster. */
function unless(...codes: readonly string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}
