import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const Line = z.object({
  callee: z.string(),
  operation: z.string(),
  /** 0 when no answer came. */
  status: z.number().int(),
  count: z.number().int(),
});

const Document = z.object({
  service: z.string(),
  instance: z.string(),
  /** When counting began; it goes on over restarts. */
  since: z.iso.datetime(),
  /** Requests that policies allow. */
  requests: z.array(Line),
  /** Requests that policies forbid, sent on purpose; 403 is right, everything else is a fault. */
  forbidden: z.array(Line),
  /** Journeys by how they ended. */
  journeys: z.record(z.string(), z.number().int()),
});

export type CountsDocument = z.infer<typeof Document>;

/** Exact counts of what this process sent and what came back. */
export class Counts {
  readonly #requests = new Map<string, number>();
  readonly #forbidden = new Map<string, number>();
  readonly #journeys = new Map<string, number>();
  readonly #since: string;

  /** @param earlier what an earlier run of the same instance had counted */
  constructor(
    private readonly who: { readonly service: string; readonly instance: string },
    earlier?: CountsDocument,
  ) {
    this.#since = earlier?.since ?? new Date().toISOString();
    for (const { callee, operation, status, count } of earlier?.requests ?? [])
      this.#requests.set(key(callee, operation, status), count);
    for (const { callee, operation, status, count } of earlier?.forbidden ?? [])
      this.#forbidden.set(key(callee, operation, status), count);
    for (const [end, count] of Object.entries(earlier?.journeys ?? {}))
      this.#journeys.set(end, count);
  }

  request(callee: string, operation: string, status: number): void {
    add(this.#requests, key(callee, operation, status));
  }

  forbidden(callee: string, operation: string, status: number): void {
    add(this.#forbidden, key(callee, operation, status));
  }

  /** Counts how a journey ended, such as `completed` or `orders.create 503`. */
  journey(end: string): void {
    add(this.#journeys, end);
  }

  document(): CountsDocument {
    return {
      ...this.who,
      since: this.#since,
      requests: lines(this.#requests),
      forbidden: lines(this.#forbidden),
      journeys: Object.fromEntries([...this.#journeys].sort()),
    };
  }
}

/** What the file holds, or undefined when there is none or it is not one of ours. */
export async function readCounts(path: string): Promise<CountsDocument | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Document.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Replaces the file in one step, so that a reader never sees half of it. */
export async function writeCounts(path: string, document: CountsDocument): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(document, undefined, 2)}\n`);
  await rename(`${path}.new`, path);
}

function key(callee: string, operation: string, status: number): string {
  return `${callee} ${operation} ${status}`;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function lines(counts: ReadonlyMap<string, number>): z.infer<typeof Line>[] {
  return [...counts].sort().map(([name, count]) => {
    const [callee = '', operation = '', status] = name.split(' ');
    return { callee, operation, status: Number(status), count };
  });
}
