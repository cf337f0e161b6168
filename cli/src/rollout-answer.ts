import type { RolloutView } from '@dotline/topology-ui/api';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { rolloutLines } from './rollout-lines.js';

/** `dotline rollout`: 0 when the last one is done, 1 while one runs, or when it did not go on. */
export function rolloutAnswer(rollout: RolloutView | null): Answer {
  if (rollout === null) {
    return { text: 'no rollout in waves yet', value: null, exitCode: ExitCode.ok };
  }
  return {
    text: rolloutLines(rollout, Date.now()).join('\n'),
    value: rollout,
    exitCode: rollout.state === 'done' ? ExitCode.ok : ExitCode.no,
  };
}
