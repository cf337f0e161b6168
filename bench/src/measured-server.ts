import { join } from 'node:path';
import { NODE_OPTIONS } from '@dotline/runner/control-plane-node-options';
import { LineProcess, LineProcessError } from './line-process.js';
import { cpuMs, residentKiB } from './process-usage.js';
import { benchDirectory, buildGo } from './programs.js';

const startMs = 120_000;
const commandMs = 300_000;

export const serverNames = [
  'ours',
  'ours-linear',
  'go-control-plane',
  'bare',
  'istio',
  'istio-debounced',
  'istio-scoped',
] as const;
export type ServerName = (typeof serverNames)[number];

interface Start {
  /** Of 127.0.0.1; 0 for a free one. */
  readonly port?: number;
  /** A change that is made before the server listens. */
  readonly change?: number;
  /** Istio alone: the teams' mesh over mTLS; the sidecars' certificates go into the folder. */
  readonly authorization?: { readonly folder: string; readonly instancesPerService: number };
}

/** How a server's process is started for so many sidecars. @throws BuildError */
function commandOf(
  name: ServerName,
  sidecars: number,
  { port = 0, change = 0, authorization }: Start,
): [string, ...string[]] {
  const numbers = [sidecars, port, change].map(String);
  const node = (file: string, ...args: string[]): [string, ...string[]] => [
    process.execPath,
    ...NODE_OPTIONS,
    join(benchDirectory, 'dist', 'servers', file),
    ...args,
  ];
  const istio = (...args: string[]): [string, ...string[]] => [
    buildGo('istio', 'istio'),
    ...args,
    ...(authorization === undefined
      ? []
      : [
          ...['-authorization', authorization.folder],
          ...['-instances', `${authorization.instancesPerService}`],
        ]),
  ];
  switch (name) {
    case 'ours':
      return node('ours.js', 'snapshots', ...numbers);
    case 'ours-linear':
      return node('ours.js', 'linear', ...numbers);
    case 'bare':
      return node('bare.js');
    case 'go-control-plane':
      return [
        buildGo('go', 'go-control-plane'),
        ...['-sidecars', `${sidecars}`, '-port', `${port}`, '-change', `${change}`],
      ];
    case 'istio':
      return istio();
    case 'istio-debounced':
      return istio('-debounce', '100ms');
    case 'istio-scoped':
      return istio('-debounce', '100ms', '-scoped');
  }
}

/** Whether the server's process is Node, whose CPU profiles have a format of their own. */
export function isNode(name: ServerName): boolean {
  return name.startsWith('ours') || name === 'bare';
}

export function isIstio(name: ServerName): boolean {
  return name.startsWith('istio');
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
    start: Start = {},
  ): Promise<MeasuredServer> {
    const process_ = new LineProcess(name, commandOf(name, sidecars, start));
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

  get pid(): number {
    return this.process_.pid;
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
