import { GitRefError } from '@dotline/control-plane/change-preview/git-ref-error';
import { PartError } from '@dotline/local-parts/part-error';
import { RepositoryError } from '@dotline/mesh-repository/repository-error';
import { MeshError } from '@dotline/model/mesh-error';
import { BranchError } from '@dotline/policies/branch-error';
import { OpaError } from '@dotline/policies/opa-error';
import { MachineError } from '@dotline/runner/machine-check';
import { CommanderError } from 'commander';
import { BaseError } from './base-error.js';
import { ExitCode } from './exit-code.js';
import { ApiError, UnavailableError } from './page-server-client.js';
import { TargetError } from './target-error.js';
import { UnknownTeamError } from './unknown-team-error.js';

/** The one place where errors become a line and an exit code. */
export function reportError(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (
    error instanceof GitRefError ||
    error instanceof BranchError ||
    error instanceof TargetError ||
    error instanceof UnknownTeamError
  ) {
    console.error(error.message);
    return ExitCode.usage;
  }
  if (
    error instanceof MeshError ||
    error instanceof BaseError ||
    error instanceof OpaError ||
    error instanceof PartError ||
    error instanceof RepositoryError ||
    error instanceof MachineError ||
    error instanceof UnavailableError
  ) {
    console.error(error.message);
    return ExitCode.unavailable;
  }
  if (error instanceof ApiError) {
    console.error(error.message);
    return error.status < 500 ? ExitCode.usage : ExitCode.unavailable;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return ExitCode.unavailable;
}
