import { readFileSync, readlinkSync } from 'node:fs';

/** USER_HZ, which Linux fixes at 100 for user space. */
const TICK_MS = 10;

/** What Linux calls the thread that this runs in; absent on other systems. */
export function thisThread(): string | undefined {
  try {
    return `/proc/${readlinkSync('/proc/thread-self')}`;
  } catch {
    return undefined;
  }
}

/** The CPU that a thread of this process has used, in ms; absent where the system does not say. */
export function threadCpuMs(thread: string | undefined): number | undefined {
  if (thread === undefined) return undefined;
  try {
    const stat = readFileSync(`${thread}/stat`, 'utf8');
    // After the command's name, which may hold anything, come state …, utime and stime: fields 14 and 15 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}
