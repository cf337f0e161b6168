import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';

const Entries = z.array(
  z.object({ name: z.string(), pid: z.number().int().positive(), startTime: z.string() }),
);
type Entry = z.infer<typeof Entries>[number];

/**
 * Which processes a runner started, on disk, so that the next one can end what a killed runner left
 * behind. A process is known by its id and its start time together, because ids are used again.
 */
export class ProcessRegistry {
  readonly #entries = new Map<number, Entry>();
  #writing: Promise<void> | undefined;
  #dirty = false;

  constructor(private readonly path: string) {}

  add(name: string, pid: number): void {
    const startTime = startTimeOf(pid);
    if (startTime === undefined) return;
    this.#entries.set(pid, { name, pid, startTime });
    this.#save();
  }

  remove(pid: number): void {
    this.#entries.delete(pid);
    this.#save();
  }

  /** Resolves when the file says what is in memory. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #save(): void {
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      await writeFileAtomic(this.path, JSON.stringify([...this.#entries.values()]), {
        mode: 0o600,
      });
    }
  }
}

/**
 * Ends the processes, with their groups, that an earlier runner registered and that still run.
 * @returns their names
 */
export async function endLeftovers(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '[]');
  const entries = Entries.safeParse(JSON.parse(text)).data ?? [];
  const alive = entries.filter((entry) => isSame(entry));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const entry of alive.filter(isSame)) {
      try {
        process.kill(-entry.pid, signal);
      } catch {
        // It ended in between.
      }
    }
    for (let waited = 0; waited < 3000 && alive.some(isSame); waited += 100) await sleep(100);
  }
  return alive.map((entry) => entry.name);
}

function isSame(entry: Entry): boolean {
  return startTimeOf(entry.pid) === entry.startTime;
}

/** Start time in clock ticks since boot, field 22 of /proc/<pid>/stat; `undefined` when there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended and only waits for its parent.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
