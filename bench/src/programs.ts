import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const benchDirectory = dirname(dirname(fileURLToPath(import.meta.url)));
/** What is built and downloaded; git ignores it. */
const cacheDirectory = join(dirname(benchDirectory), '.dotline', 'bench');

/** A program of the benchmark could not be built; its compiler has said why. */
class BuildError extends Error {
  override readonly name = 'BuildError';
  constructor(readonly program: string) {
    super(`${program} could not be built; what Go said is above. Go 1.26 or newer is needed.`);
  }
}

const built = new Map<string, string>();

/**
 * Builds a Go program of `go/` or `istio/`, once in a run.
 * @returns its path
 * @throws BuildError
 */
export function buildGo(module: 'go' | 'istio', program: string): string {
  const known = built.get(program);
  if (known !== undefined) {
    return known;
  }
  mkdirSync(cacheDirectory, { recursive: true });
  const output = join(cacheDirectory, program);
  process.stderr.write(`Building ${program} (the first time takes minutes) …\n`);
  const { status } = spawnSync('go', ['build', '-o', output, `./cmd/${program}`], {
    cwd: join(benchDirectory, module),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    throw new BuildError(program);
  }
  built.set(program, output);
  return output;
}
