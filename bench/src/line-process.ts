import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A process of the benchmark ended, said something else, or said nothing in time. */
export class LineProcessError extends Error {
  override readonly name = 'LineProcessError';
  constructor(
    readonly process_: string,
    problem: string,
  ) {
    super(`${process_} ${problem}`);
  }
}

export type Answer = Readonly<Record<string, unknown>>;

const stopMs = 5_000;

/** A process that is commanded over standard input and answers with JSON lines on standard output. */
export class LineProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<string, { resolve(answer: Answer): void; reject(e: Error): void }>();
  #ended: string | undefined;

  constructor(
    readonly title: string,
    command: readonly [string, ...string[]],
    private readonly unexpected: (answer: Answer) => void = () => undefined,
  ) {
    const [program, ...args] = command;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.once('error', (error) => this.#end(`does not start: ${error.message}`));
    this.#child.once('exit', (code, signal) => this.#end(`ended with ${signal ?? code}`));
    this.#child.stdin.on('error', () => undefined);
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits for the next answer with this key (or `event`). @throws LineProcessError */
  next(key: string, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new LineProcessError(this.title, this.#ended));
        return;
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(key);
        reject(new LineProcessError(this.title, `did not say "${key}" in ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(key);
      };
      this.#waiting.set(key, {
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }

  /** Sends a command and waits for its answer. @throws LineProcessError */
  ask(line: string, key: string, timeoutMs: number): Promise<Answer> {
    const answer = this.next(key, timeoutMs);
    this.send(line);
    return answer;
  }

  async kill(): Promise<void> {
    if (this.#ended === undefined) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exit;
    }
  }

  /** Closes its input, which ends it; kills it if it lingers. */
  async stop(): Promise<void> {
    if (this.#ended === undefined) {
      const exit = once(this.#child, 'exit');
      this.#child.stdin.end();
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMs);
      await exit;
      clearTimeout(timer);
    }
  }

  #read(line: string): void {
    if (!line.startsWith('{')) {
      process.stderr.write(`${this.title}: ${line}\n`);
      return;
    }
    const answer: Answer = JSON.parse(line);
    const key =
      typeof answer.event === 'string'
        ? answer.event
        : Object.keys(answer).find((name) => this.#waiting.has(name));
    const waiting = key === undefined ? undefined : this.#waiting.get(key);
    if (waiting === undefined) {
      this.unexpected(answer);
    } else {
      waiting.resolve(answer);
    }
  }

  #end(problem: string): void {
    this.#ended ??= problem;
    for (const { reject } of [...this.#waiting.values()]) {
      reject(new LineProcessError(this.title, problem));
    }
  }
}
