import type { RejectionGroup } from '../view-model/rejections.js';

/** What sidecars refuse, with the rule that it comes from and its team. */
export function RejectionList({ groups }: { readonly groups: readonly RejectionGroup[] }) {
  return (
    <ul class="problems">
      {groups.map(({ key, rejection, sidecars }) => (
        <li key={key}>
          {rejection.file !== undefined && (
            <>
              <code>
                {rejection.file}:{rejection.line ?? 1}
              </code>{' '}
              of team {rejection.team}:{' '}
            </>
          )}
          {sidecars.join(', ')} refuse <code>{rejection.resource}</code>
          {rejection.revision !== undefined && (
            <>
              {' '}
              of revision <code>{rejection.revision}</code>
            </>
          )}
          <span class="hint words"> — {rejection.detail}</span>
        </li>
      ))}
    </ul>
  );
}
