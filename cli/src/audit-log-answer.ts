import type { AuditView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import { actorText, edgesText } from './audit-text.js';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { shortened, table } from './format.js';

type Entry = AuditView['entries'][number];

/** `dotline audit log`: the newest last, as a log is read. */
export function auditLogAnswer({ entries }: AuditView): Answer {
  const rows = [...entries]
    .reverse()
    .map((entry) => [
      String(entry.sequence),
      entry.at.replace('T', ' ').slice(0, 19),
      actorText(entry.actor),
      entry.action,
      subjectText(entry.subject),
      detailsText(entry),
    ]);
  return {
    text:
      rows.length === 0
        ? 'nothing'
        : table(['entry', 'at (UTC)', 'by', 'what', 'of', 'details'], rows),
    value: entries,
    exitCode: ExitCode.ok,
  };
}

function subjectText({ revision, commit, instance }: Entry['subject']): string {
  const of = [revision, commit === undefined ? undefined : `(${commit.slice(0, 10)})`, instance];
  return of.filter((part) => part !== undefined).join(' ') || '-';
}

/** What is most worth knowing; `--json` has all. */
function detailsText({ action, details }: Entry): string {
  const text = (name: string) => (details[name] === undefined ? '' : String(details[name]));
  switch (action) {
    case 'revision-published':
      return edgesText(
        Number(details.edgesAdded),
        Number(details.edgesRemoved),
        Number(details.edgesChanged),
      );
    case 'revision-enforced':
      return `on ${details.sidecars === 1 ? '1 sidecar' : `${text('sidecars')} sidecars`} in ${(Number(details.tookMs) / 1000).toFixed(1)} s`;
    case 'revision-rolled-back':
      return `from ${text('from')}${details.reason ? `: ${text('reason')}` : ''}`;
    case 'revision-staged':
    case 'revision-unstaged':
      return text('name');
    case 'commit-held':
      return `has what was rolled back with ${text('rolledBack')}: ${text('parts')}`;
    case 'rollback-ended':
      return `by ${text('by')}`;
    case 'mesh-refused':
      return details.number === 1 ? '1 problem' : `${text('number')} problems`;
    case 'rollout-ordered':
      return `${text('order')}${details.reason ? `: ${text('reason')}` : ''}`;
    default: {
      const reason = details.reason ?? details.claimedService;
      return reason === undefined ? '' : colours.dim(shortened(String(reason)));
    }
  }
}
