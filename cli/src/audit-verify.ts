import { ChainVerifier } from '@dotline/control-plane/audit-chain';
import type { AuditView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { readApi } from './page-server-client.js';

/** Entries of one request; so many are in memory at once. */
const PAGE = 500;

/** What is read of a page of the chain: entries after a sequence number, none at the end. */
export type ReadPage = (after: number) => Promise<AuditView['entries']>;

/** What a verification found. */
export interface Verified {
  readonly entries: number;
  /** Hash of the last good entry. */
  readonly head: string;
  readonly broken: ReturnType<ChainVerifier['add']>;
  /** Of a head that was noted earlier, whether the chain has it; `undefined` when none was asked for. */
  readonly hasNoted: boolean | undefined;
}

/**
 * `dotline audit verify`: every hash is made again here from the entries as they are stored; the server
 * is believed nothing. Exit code 1 for a chain that is broken or without the head that was noted.
 * @throws UnavailableError, ApiError
 */
export async function auditVerifyAnswer(address: string, noted?: string): Promise<Answer> {
  const verified = await verifyChain(async (after) => {
    const path = `/api/audit/chain?after=${after}&limit=${PAGE}`;
    return (await readApi<AuditView>(address, path)).entries;
  }, noted);
  const { entries, head, broken, hasNoted } = verified;
  const isGood = broken === undefined && hasNoted !== false;
  const lines = [
    ...(broken === undefined
      ? [`${entries} entries, head ${head}`]
      : [
          colours.red(`the audit log is broken: ${broken.explanation}`),
          `${entries} entries before it are good, up to ${head}`,
        ]),
    ...(hasNoted === false && broken === undefined
      ? [
          colours.red(
            `no entry has the hash ${noted}: entries are missing at the end, or all is new`,
          ),
        ]
      : []),
  ];
  return {
    text: lines.join('\n'),
    value: { ok: isGood, ...verified },
    exitCode: isGood ? ExitCode.ok : ExitCode.no,
  };
}

/** Follows the chain page by page until its end or its first break. */
export async function verifyChain(read: ReadPage, noted?: string): Promise<Verified> {
  const verifier = new ChainVerifier();
  let hasNoted = noted === undefined ? undefined : false;
  for (;;) {
    const page = await read(verifier.length);
    if (page.length === 0) break;
    for (const entry of page) {
      const broken = verifier.add(entry);
      if (broken !== undefined) {
        return { entries: verifier.length, head: verifier.head, broken, hasNoted };
      }
      if (noted !== undefined && entry.hash === noted) hasNoted = true;
    }
  }
  return { entries: verifier.length, head: verifier.head, broken: undefined, hasNoted };
}
