import { join } from 'node:path';
import { LineProcess, LineProcessError } from './line-process.js';
import { cpuMs, residentKiB } from './process-usage.js';
import { benchDirectory, buildGo } from './programs.js';

const startMs = 120_000;
const commandMs = 300_000;

export const serverNames = ['ours', 'go-control-plane', 'bare'] as const;
export type ServerName = (typeof serverNames)[number];

/** How a server's process is started for so many sidecars. */
function commandOf(
  name: ServerName,
  sidecars: number,
  extra: readonly string[],
): [string, ...string[]] {
  const node = (file: string): [string, ...string[]] => [
    process.execPath,
    join(benchDirectory, 'dist', 'servers', file),
    String(sidecars),
    ...extra,
  ];
  switch (name) {
    case 'ours':
      return node('ours.js');
    case 'bare':
      return node('bare.js');
    case 'go-control-plane':
      return [goControlPlane(), '-sidecars', String(sidecars)];
  }
}

let built: string | undefined;
function goControlPlane(): string {
  built ??= buildGo('go', 'go-control-plane');
  return built;
}

/** A server under measurement, in a process of its own. */
export class MeasuredServer {
  private constructor(
    readonly name: ServerName,
    readonly port: number,
    private readonly process_: LineProcess,
  ) {}

  /** @throws LineProcessError, BuildError */
  static async start(
    name: ServerName,
    sidecars: number,
    extra: readonly string[] = [],
  ): Promise<MeasuredServer> {
    const process_ = new LineProcess(name, commandOf(name, sidecars, extra));
    try {
      const { listening } = await process_.next('listening', startMs);
      if (typeof listening !== 'number') {
        throw new LineProcessError(name, 'named no port');
      }
      return new MeasuredServer(name, listening, process_);
    } catch (error) {
      await process_.kill();
      throw error;
    }
  }

  get target(): string {
    return `127.0.0.1:${this.port}`;
  }

  cpuMs(): Promise<number> {
    return cpuMs(this.process_.pid);
  }

  /** Resident memory now, in KiB. */
  residentKiB(): Promise<number> {
    return residentKiB(this.process_.pid);
  }

  /** Resident memory after garbage was collected and freed pages were given back, in KiB. */
  async collectedKiB(): Promise<number> {
    await this.process_.ask('collect', 'collected', commandMs);
    return this.residentKiB();
  }

  /** Moves one endpoint in what the first so many sidecars see; does not wait. */
  change(number: number, sidecars: number): void {
    this.process_.send(`change ${number} ${sidecars}`);
  }

  burst(from: number, count: number, sidecars: number): void {
    this.process_.send(`burst ${from} ${count} ${sidecars}`);
  }

  async profile(file: string): Promise<() => Promise<void>> {
    await this.process_.ask(`profile-start ${file}`, 'profiling', commandMs);
    return async () => {
      await this.process_.ask('profile-stop', 'profiling', commandMs);
    };
  }

  stop(): Promise<void> {
    return this.process_.stop();
  }

  kill(): Promise<void> {
    return this.process_.kill();
  }
}
