import type { Problem } from '@dotline/model/mesh-error';

/** A file that need not exist. */
export interface RegoText {
  readonly file: string;
  readonly text: string;
}

/** What OPA does with texts. */
export interface RegoTool {
  /** The syntax tree of a file, as `opa parse` prints it, or what is wrong. @throws OpaError */
  parse(source: RegoText): Promise<{ tree: unknown } | { problems: Problem[] }>;
  /** What `opa check --strict` says about files. @throws OpaError */
  check(sources: readonly RegoText[]): Promise<Problem[]>;
  /** The WebAssembly of some entrypoints of files, or what `opa build` says is wrong. @throws OpaError */
  build(
    sources: readonly RegoText[],
    entrypoints: readonly string[],
  ): Promise<{ wasm: Uint8Array } | { problems: Problem[] }>;
}
