import { ExecaError } from 'execa';
import { PartError } from './part-error.js';

const FULL = /no space left|ENOSPC|disk quota exceeded|EDQUOT/i;
const UNWRITABLE = /EACCES|EROFS|EPERM|permission denied|read-only file system/i;

/**
 * What to tell about a failed step of an installation: that the disk is full or the folder cannot be
 * written when that is why, else the given words. One line, with the last one that the program printed.
 */
export function installationError(
  part: string,
  folder: string,
  error: unknown,
  otherwise: { readonly reason: string; readonly wayOut: string },
): PartError {
  const output = outputOf(error);
  const otherFolder = 'or name another folder in DOTLINE_CACHE';
  if (FULL.test(output)) {
    const reason = `the disk is full while installing into ${folder}: ${lastLine(output, FULL)}`;
    return new PartError(part, reason, `Free some space, ${otherFolder}`, { cause: error });
  }
  if (UNWRITABLE.test(output)) {
    const reason = `${folder} cannot be written: ${lastLine(output, UNWRITABLE)}`;
    return new PartError(part, reason, `Correct its permissions, ${otherFolder}`, { cause: error });
  }
  return new PartError(part, `${otherwise.reason}: ${lastLine(output)}`, otherwise.wayOut, {
    cause: error,
  });
}

/** Everything that a program printed before it failed, or the error's own words. */
export function outputOf(error: unknown): string {
  if (!(error instanceof ExecaError)) return String(error);
  const printed = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim();
  return printed === '' ? error.shortMessage : printed;
}

function lastLine(text: string, pattern = /\S/): string {
  const line = text.split('\n').findLast((candidate) => pattern.test(candidate)) ?? '';
  return line.trim().replace(/\.$/, '');
}
