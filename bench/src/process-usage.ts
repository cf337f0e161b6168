import { readFile } from 'node:fs/promises';

/** Jiffies a second of /proc: USER_HZ, which Linux fixes at 100 for user space. */
const ticksPerSecond = 100;

/** What a process has used of the CPU until now: utime + stime of /proc/<pid>/stat, in ms. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the command's name, which may hold anything, `state` is the third field of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [fields[11], fields[12]].map(Number);
  return (((utime ?? Number.NaN) + (stime ?? Number.NaN)) * 1_000) / ticksPerSecond;
}

/** Resident memory of a process, in KiB. */
export async function residentKiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}
