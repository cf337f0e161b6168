// Loaded into the control plane before it starts (`node --import`): says on standard error how much
// CPU the process has used each time it finishes a compilation, so that what comes after can be told
// from the compilation itself. With BENCH_PROFILE it also profiles what comes after, into that file.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const profiledMs = 2_000;
const file = process.env.BENCH_PROFILE;
const { Histogram } = createRequire(
  new URL('../../../control-plane/dist/main.js', import.meta.url),
)('prom-client');

const { observeWithoutExemplar: observe } = Histogram.prototype;
Histogram.prototype.observeWithoutExemplar = function (this: { name: string }, ...args: unknown[]) {
  if (this.name === 'dotline_compile_seconds') {
    const { user, system } = process.cpuUsage();
    process.stderr.write(`compiled at CPU ${user + system} us\n`);
    if (file !== undefined) {
      void profile(file);
    }
  }
  return observe.apply(this, args);
};

let profiling = false;
async function profile(to: string): Promise<void> {
  if (profiling) {
    return;
  }
  profiling = true;
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await sleep(profiledMs);
  const { profile: result } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(to, JSON.stringify(result));
  profiling = false;
}
