import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** What the numbers depend on besides the code. */
export function machineLine(): string {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' }).stdout.trim().split(' ')[2];
  return [
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}`,
    `Node ${process.version}`,
    go ?? 'no Go',
    `load average before ${loadavg()[0]?.toFixed(2)}`,
  ].join('; ');
}
