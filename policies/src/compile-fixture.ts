import { rm } from 'node:fs/promises';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import { type CompiledPolicies, PolicyCompiler } from './compile-policies.js';
import { meshOf, POLICIES, writeFolder } from './mesh-fixture.js';

/** Folders and one compiler for a test file, with the real OPA; `remove` them afterwards. */
export class CompileFixture {
  readonly #folders: string[] = [];

  private constructor(
    readonly opaPath: string,
    readonly cacheDirectory: string,
    readonly compiler: PolicyCompiler,
  ) {
    this.#folders.push(cacheDirectory);
  }

  static async create(): Promise<CompileFixture> {
    const cacheDirectory = await writeFolder({});
    const opaPath = process.env.OPA_PATH ?? 'opa';
    const compiler = new PolicyCompiler({ opaPath, cacheDirectory });
    return new CompileFixture(opaPath, cacheDirectory, compiler);
  }

  async folder(files: Readonly<Record<string, string>>): Promise<string> {
    const folder = await writeFolder(files);
    this.#folders.push(folder);
    return folder;
  }

  /** Compiles the small mesh with some files changed or added. */
  async compile(files: Readonly<Record<string, string>> = {}): Promise<CompiledPolicies> {
    return this.compiler.compile(meshOf(await this.folder({ ...POLICIES, ...files })));
  }

  /** The problems of the small mesh with some files changed or added, one line each. */
  async problemsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
    const error: unknown = await this.compile(files).catch((thrown: unknown) => thrown);
    if (!(error instanceof MeshError)) throw new Error('no MeshError', { cause: error });
    return error.problems.map(formatProblem);
  }

  async remove(): Promise<void> {
    await this.compiler.close();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}
