import { mkdir, open, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeSegment,
  encodeSegment,
  headerBytes,
  readHeader,
  type Segment,
  SegmentError,
} from './segment.js';

/** What an earlier process left. */
export interface Recovered {
  /** Written, but not known to be in ClickHouse; oldest first. */
  readonly open: readonly Segment[];
  /** Tokens of requests that are in ClickHouse, with the time at which they got there. */
  readonly stored: readonly { readonly requests: readonly string[]; readonly atMs: number }[];
  /** Files that cannot be read; they were set aside as `.damaged`. */
  readonly damaged: readonly string[];
}

/** Refused segments that are kept for a person to look at. */
const REFUSED_MAX = 16;

/**
 * Segments on disk. A file's name says what is known about it: `.tmp` is being written, `.segment` is
 * whole, `.stored` is in ClickHouse (only its header is left), `.refused` will never be.
 */
export class SegmentStore {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens the directory, and makes it when it does not exist. */
  static async open(directory: string): Promise<SegmentStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new SegmentStore(directory);
  }

  /** Reads what an earlier process left. */
  async recover(): Promise<Recovered> {
    const recovered: { open: Segment[]; stored: Recovered['stored'][number][]; damaged: string[] } =
      { open: [], stored: [], damaged: [] };
    for (const name of (await readdir(this.#directory)).sort()) {
      const path = join(this.#directory, name);
      const [id = '', state] = name.split('.');
      if (state === 'tmp') await rm(path);
      if (state !== 'segment' && state !== 'stored') continue;
      try {
        const file = await readFile(path);
        if (state === 'segment') recovered.open.push(decodeSegment(id, file));
        else {
          const { requests } = readHeader(id, file);
          recovered.stored.push({ requests, atMs: (await stat(path)).mtimeMs });
        }
      } catch (error) {
        if (!(error instanceof SegmentError)) throw error;
        await rename(path, `${path}.damaged`);
        recovered.damaged.push(name);
      }
    }
    return recovered;
  }

  /** Writes a segment so that it outlives the process and the machine's power. */
  async write(segment: Segment): Promise<void> {
    const temporary = this.#path(segment.id, 'tmp');
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(encodeSegment(segment));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path(segment.id, 'segment'));
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** Notes that ClickHouse has a segment; what is left of it are the tokens of its requests. */
  async markStored(segment: Segment): Promise<void> {
    const path = this.#path(segment.id, 'stored');
    await rename(this.#path(segment.id, 'segment'), path);
    await truncate(path, headerBytes(segment));
  }

  /** Sets a segment aside that ClickHouse will never take. */
  async markRefused(segment: Segment): Promise<void> {
    await rename(this.#path(segment.id, 'segment'), this.#path(segment.id, 'refused'));
    const refused = (await readdir(this.#directory)).filter((name) => name.endsWith('.refused'));
    for (const name of refused.sort().slice(0, -REFUSED_MAX)) {
      await rm(join(this.#directory, name), { force: true });
    }
  }

  /** Forgets segments that got into ClickHouse before a moment. */
  async forgetStored(beforeMs: number): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (!name.endsWith('.stored')) continue;
      const path = join(this.#directory, name);
      if ((await stat(path)).mtimeMs < beforeMs) await rm(path, { force: true });
    }
  }

  #path(id: string, state: 'tmp' | 'segment' | 'stored' | 'refused'): string {
    return join(this.#directory, `${id}.${state}`);
  }
}
