import type { PolicySource } from './policy-unit.js';
import type { RegoModule } from './rego-module.js';

/** A file with its syntax tree. */
export interface ParsedSource {
  readonly source: PolicySource;
  readonly module: RegoModule;
}
