import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import type { LoadedPolicies } from './loaded-policies.js';

const BYTES_MAX = 1024 * 1024;
const FILE = 'prepared.json';

const Hashes = z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000);
const Wanted = z.object({ live: Hashes, staged: Hashes });

/** By content hash: what sidecars ask by or are about to, and what a staged revision judges by. */
export type WantedPolicies = z.infer<typeof Wanted>;

/**
 * Has policies at hand before sidecars ask by them, so that the first request finds a program that is there and
 * warm. Who looks after this host says which (`PUT /policies`); a process that is started again knows it from its
 * folder. A policy that cannot be had now is asked for again with the first request.
 */
export class PreparedPolicies {
  constructor(
    private readonly live: Pick<LoadedPolicies, 'prepare'>,
    private readonly staged: Pick<LoadedPolicies, 'prepare'>,
    private readonly directory: string,
  ) {}

  /** What the process before was told. Never rejects. */
  async again(): Promise<void> {
    const text = await readFile(join(this.directory, FILE), 'utf8').catch(() => '{}');
    const { success, data } = Wanted.safeParse(parsed(text));
    if (success) await this.#prepare(data);
  }

  /** Answers `PUT /policies` when all that can be had is at hand. */
  readonly answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'PUT' || request.url !== '/policies') {
      response.writeHead(404).end();
      return;
    }
    const { success, data } = Wanted.safeParse(parsed(await textOf(request)));
    if (!success) {
      response.writeHead(400).end('live and staged are lists of content hashes\n');
      return;
    }
    await this.#prepare(data);
    await this.#keep(data);
    response.writeHead(204).end();
  };

  async #prepare({ live, staged }: WantedPolicies): Promise<void> {
    await Promise.all([this.live.prepare(live), this.staged.prepare(staged)]);
  }

  /** That it is not kept matters only after a restart. */
  async #keep(wanted: WantedPolicies): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      const unfinished = join(this.directory, `.${randomUUID()}`);
      await writeFile(unfinished, JSON.stringify(wanted), { mode: 0o600 });
      await rename(unfinished, join(this.directory, FILE));
    } catch {
      // The disk is full or read-only.
    }
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BYTES_MAX) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
