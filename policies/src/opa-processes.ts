import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '@dotline/model/mesh-error';
import { extract } from 'tar';
import { allowedCapabilities } from './allowed-capabilities.js';
import type { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import { readOpaErrors, readOpaErrorText } from './opa-problems.js';
import type { RegoText, RegoTool } from './rego-tool.js';
import { inScratchFolder } from './scratch-folder.js';

const CAPABILITIES_FILE = 'capabilities.json';

/** A run of `opa` for each request, in a folder that holds its files alone. */
export class OpaProcesses implements RegoTool {
  #capabilities: Promise<string> | undefined;

  constructor(readonly opa: Opa) {}

  async parse(source: RegoText): Promise<{ tree: unknown } | { problems: Problem[] }> {
    const args = ['--format', 'json', '--json-include', 'locations,-comments', source.file];
    const { exitCode, stdout, stderr } = await inScratchFolder([source], (folder) =>
      this.opa.run(['parse', ...args], folder),
    );
    if (exitCode === 0) return { tree: JSON.parse(stdout) };
    const problems = readOpaErrors(stdout || stderr, source.file);
    return { problems: problems.length > 0 ? problems : readOpaErrorText(stderr, source.file) };
  }

  async check(sources: readonly RegoText[]): Promise<Problem[]> {
    const args = ['--strict', '--capabilities', CAPABILITIES_FILE, '--format', 'json'];
    const files = sources.map(({ file }) => file);
    const { exitCode, stdout, stderr } = await inScratchFolder(
      [...sources, await this.#capabilitiesFile()],
      (folder) => this.opa.run(['check', ...args, ...files], folder),
    );
    if (exitCode === 0) return [];
    const [first = ''] = files;
    const problems = readOpaErrors(stdout, first);
    if (problems.length > 0) return problems;
    const printed = readOpaErrors(stderr, first);
    return printed.length > 0 ? printed : readOpaErrorText(stderr, first);
  }

  async build(
    sources: readonly RegoText[],
    entrypoints: readonly string[],
  ): Promise<{ wasm: Uint8Array } | { problems: Problem[] }> {
    const files = sources.map(({ file }) => file);
    const written = [...sources, await this.#capabilitiesFile()];
    return inScratchFolder(written, async (folder) => {
      const { exitCode, stderr } = await this.opa.run(
        [
          ...['build', '--target', 'wasm', '--capabilities', CAPABILITIES_FILE],
          ...entrypoints.flatMap((entrypoint) => ['--entrypoint', entrypoint]),
          ...['--output', 'bundle.tar.gz'],
          ...files,
        ],
        folder,
      );
      if (exitCode !== 0) return { problems: readOpaErrorText(stderr, files[0] ?? '') };
      await extract({
        file: join(folder, 'bundle.tar.gz'),
        cwd: folder,
        filter: (path) => path === '/policy.wasm',
      });
      return { wasm: await readFile(join(folder, 'policy.wasm')) };
    });
  }

  async #capabilitiesFile(): Promise<RegoText> {
    this.#capabilities ??= this.#readCapabilities();
    return { file: CAPABILITIES_FILE, text: await this.#capabilities };
  }

  async #readCapabilities(): Promise<string> {
    const { exitCode, stdout, stderr } = await inScratchFolder([], (folder) =>
      this.opa.run(['capabilities', '--current'], folder),
    );
    if (exitCode !== 0) throw new OpaError('failed', this.opa.path, `opa capabilities: ${stderr}`);
    return allowedCapabilities(stdout);
  }
}
