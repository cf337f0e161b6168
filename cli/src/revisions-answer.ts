import type { RevisionsView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import { actorText, edgesText } from './audit-text.js';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { table } from './format.js';

type Time = RevisionsView['history'][number];

/** `dotline revisions`: what went live, newest first. */
export function revisionsAnswer(view: RevisionsView): Answer {
  const rows = view.history.map((time, index) => [
    index === 0 && time.revision === view.live ? colours.green(time.revision) : time.revision,
    time.commit?.slice(0, 10) ?? '-',
    time.author ?? '-',
    new Date(time.liveAtMs).toISOString().replace('T', ' ').slice(0, 19),
    edgesText(time.edges.added, time.edges.removed, time.edges.changed),
    enforcedText(time),
    rollbackText(time),
  ]);
  const head = ['revision', 'commit', 'author', 'live from (UTC)', 'edges', 'enforced', ''];
  return {
    text: rows.length === 0 ? 'no revision has gone live yet' : table(head, rows),
    value: view,
    exitCode: ExitCode.ok,
  };
}

function enforcedText({ enforcedInMs, sidecars }: Time): string {
  if (enforcedInMs === null) return '-';
  return `in ${(enforcedInMs / 1000).toFixed(1)} s on ${sidecars ?? '?'}`;
}

function rollbackText({ rollback }: Time): string {
  if (rollback === null) return '';
  const reason = rollback.reason === '' ? '' : `: ${rollback.reason}`;
  return `rollback from ${rollback.from} by ${actorText(rollback.by)}${reason}`;
}
