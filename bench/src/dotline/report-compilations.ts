// Loaded into the control plane before it starts (`node --import`): says on standard error how much
// CPU the process has used each time it finishes a compilation, so that what comes after can be told
// from the compilation itself.
import { createRequire } from 'node:module';

const { Histogram } = createRequire(
  new URL('../../../control-plane/dist/main.js', import.meta.url),
)('prom-client');

const { observe } = Histogram.prototype;
Histogram.prototype.observe = function (this: { name: string }, ...args: unknown[]) {
  if (this.name === 'dotline_compile_seconds') {
    const { user, system } = process.cpuUsage();
    process.stderr.write(`compiled at CPU ${user + system} us\n`);
  }
  return observe.apply(this, args);
};
