import type { ChangePreview } from '@dotline/control-plane/change-preview/preview-change';
import type { RequestRuleChange } from '@dotline/control-plane/change-preview/request-rule-changes';
import type { OperationMeaning } from '@dotline/policies/policy-diff';
import type { PolicyDiffResult } from './policy-diff.js';

/** The verdict in one sentence. */
export function verdictText({ preview, head }: PolicyDiffResult): string {
  if (preview === null) return `not safe: ${head} has problems, so nothing of it would go live`;
  const denied = preview.traffic.denied ?? [];
  switch (preview.verdict) {
    case 'safe':
      return preview.traffic.denied === null
        ? 'safe: nothing is taken away'
        : 'safe: nothing that is used is taken away';
    case 'unsafe': {
      const perDay = denied.reduce((sum, { requestsPerDay }) => sum + requestsPerDay, 0);
      return `not safe: it would deny ${counted(Math.ceil(perDay), 'request', 'requests')} a day of real traffic`;
    }
    case 'unknown':
      if (preview.requestRules.some(({ before, after }) => before === null && after !== null)) {
        return 'not known to be safe: requests are to be decided one by one that were not';
      }
      return 'not known to be safe: it takes something away, and traffic was not looked at';
  }
}

/** Such as `since 2026-11-20 10:00 UTC`. */
export function trafficSpan({ sinceMs }: ChangePreview['traffic']): string {
  const since = new Date(sinceMs ?? 0).toISOString();
  return `since ${since.slice(0, 10)} ${since.slice(11, 16)} UTC`;
}

export function meaningText({ class: operationClass, method, path }: OperationMeaning): string {
  return `${method} ${path} (${operationClass})`;
}

/** A change of how requests for an operation are decided. */
export function requestRuleText({ operation, team, before, after }: RequestRuleChange): string {
  if (after === null) return `${operation}: no longer decided by team ${team}`;
  const end = after.fail === 'closed' ? 'refused' : 'let through';
  const { file, line } = after.witness;
  const what = before === null ? `decided by team ${team} from now on` : 'decided as before';
  return `${operation}: ${what}, and ${end} while the authorizer is away (${file}:${line})`;
}

/** Such as `2 services`. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Such as `1.4 KiB`. */
export function sizeText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Such as `+86 B`. */
export function signedBytes(bytes: number): string {
  const sign = bytes > 0 ? '+' : bytes < 0 ? '−' : '±';
  return `${sign}${sizeText(Math.abs(bytes))}`;
}
