import type { AuditView, RevisionsView } from '@dotline/topology-ui/api';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationMs, wholeNumber } from './arguments.js';
import { auditLogAnswer } from './audit-log-answer.js';
import { parseSince } from './audit-since.js';
import { auditVerifyAnswer } from './audit-verify.js';
import { answer, type MeshOptions, meshCommand } from './mesh-command.js';
import { readApi } from './page-server-client.js';
import { revisionsAnswer } from './revisions-answer.js';

const LIMIT_MAX = 500;

/** `dotline rollback | revisions | audit log | audit verify`. */
export function rollbackCommands(program: Command): void {
  meshCommand(
    program,
    'rollback',
    'Make an earlier revision live again, without touching the mesh directory; exit code 0 once it is enforced',
  )
    .argument(
      '[revision]',
      'its id or commit (seven characters are enough); by default the one before',
    )
    .option('--reason <text>', 'why, for status and the audit log')
    .option('--release', 'end a rollback: what the mesh directory has goes live again')
    .addOption(
      new Option('--for <duration>', 'wait for enforcement for at most so long')
        .argParser(durationMs)
        .default(30_000, '30s'),
    )
    .action(
      async (
        revision: string | undefined,
        options: MeshOptions & {
          readonly reason?: string;
          readonly release?: boolean;
          readonly for: number;
        },
      ) => {
        if (options.release && (revision !== undefined || options.reason !== undefined))
          program.error('error: --release stands alone');
        const { releaseAnswer, rollbackAnswer } = await import('./rollback.js');
        await answer(options, (address) =>
          options.release
            ? releaseAnswer(address, options)
            : rollbackAnswer(address, revision, options),
        );
      },
    );
  meshCommand(
    program,
    'revisions',
    'Which revisions went live, newest first: when, whose, and how soon',
  )
    .addOption(limit(20))
    .action((options: MeshOptions & { readonly limit: number }) =>
      answer(options, async (address) =>
        revisionsAnswer(
          await readApi<RevisionsView>(address, `/api/revisions?limit=${options.limit}`),
        ),
      ),
    );
  const audit = program.command('audit').description('What happened to the mesh, hash-chained');
  meshCommand(audit, 'log', 'The latest entries of the audit log')
    .addOption(
      new Option('--since <when>', 'a duration such as 2h or 30d, or a date').argParser(sinceMs),
    )
    .addOption(limit(50))
    .action((options: MeshOptions & { readonly limit: number; readonly since?: number }) =>
      answer(options, async (address) => {
        const since = options.since === undefined ? '' : `&sinceMs=${options.since}`;
        const path = `/api/audit?limit=${options.limit}${since}`;
        return auditLogAnswer(await readApi<AuditView>(address, path));
      }),
    );
  meshCommand(
    audit,
    'verify',
    'Make every hash of the audit log again; exit code 1 names the first entry that is not as it was',
  )
    .addOption(
      new Option('--head <hash>', 'a head noted earlier, which must be in the chain').argParser(
        hash,
      ),
    )
    .action((options: MeshOptions & { readonly head?: string }) =>
      answer(options, (address) => auditVerifyAnswer(address, options.head)),
    );
}

function limit(byDefault: number): Option {
  return new Option('--limit <number>', 'so many at most')
    .argParser(wholeNumber('a limit', 1, LIMIT_MAX))
    .default(byDefault);
}

function sinceMs(text: string): number {
  const since = parseSince(text, Date.now());
  if (since === undefined)
    throw new InvalidArgumentError('a duration such as 2h or 30d, or a date such as 2026-11-24');
  return since;
}

function hash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new InvalidArgumentError('a head is a hash of 64 hexadecimal digits');
  return text;
}
