import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a measured server does when the benchmark commands it; `go/commands` is the same in Go. */
export interface Commanded {
  /** The port that it serves xDS on. */
  readonly listening: number;
  /** Moves one endpoint, in what the first so many sidecars see. */
  change(number: number, sidecars: number): void;
}

/** Obeys lines on standard input, answers with JSON lines, and ends the process when its input does. */
export async function serveCommands(server: Commanded): Promise<never> {
  say({ listening: server.listening });
  const profiler = new Profiler();
  for await (const line of createInterface({ input: process.stdin })) {
    const [command = '', ...words] = line.split(' ');
    const [first = 0, second = 0, third = 0] = words.map(Number);
    switch (command) {
      case 'change':
        server.change(first, second);
        say({ applied: first });
        break;
      case 'burst':
        await burst(server, first, second, third);
        say({ applied: first + second - 1 });
        break;
      case 'collect':
        collectGarbage();
        say({ collected: true });
        break;
      case 'profile-start':
        await profiler.start(words.join(' '));
        say({ profiling: true });
        break;
      case 'profile-stop':
        await profiler.stop();
        say({ profiling: false });
        break;
      default:
        throw new Error(`unknown command ${JSON.stringify(line)}`);
    }
  }
  process.exit(0);
}

/** Each change in a turn of its own, as they would come from a registry one by one. */
async function burst(server: Commanded, from: number, count: number, sidecars: number) {
  for (let number = from; number < from + count; number++) {
    server.change(number, sidecars);
    await nextTurn();
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
}

class Profiler {
  #session: Session | undefined;
  #file = '';

  async start(file: string): Promise<void> {
    this.#file = file;
    this.#session = new Session();
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.setSamplingInterval', { interval: 200 });
    await this.#session.post('Profiler.start');
  }

  async stop(): Promise<void> {
    const result = await this.#session?.post('Profiler.stop');
    this.#session?.disconnect();
    await writeFile(this.#file, JSON.stringify(result?.profile));
  }
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
