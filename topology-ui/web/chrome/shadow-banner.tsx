import { SelectLink } from '../components/select-link.js';
import { useShadow } from '../live/use-shadow.js';
import { plural } from '../view-model/format.js';
import { shadowText } from '../view-model/shadow-text.js';

const LISTED_MAX = 20;

/** What a staged revision would change of the traffic that there is; absent when none is staged. */
export function ShadowBanner() {
  const shadow = useShadow();
  if (shadow === null) return null;
  const { name, wouldBeDenied, wouldBeAllowed, sidecars, operations } = shadow;
  const changed = operations.filter((each) => each.wouldBeDenied > 0 || each.wouldBeAllowed > 0);
  return (
    <details class={`banner ${wouldBeDenied > 0 ? 'warning' : ''}`} data-shadow={shadow.revision}>
      <summary>
        Shadow of {name}: {plural(wouldBeDenied, 'request')} would be denied
        {wouldBeAllowed > 0 && `, ${wouldBeAllowed} would be allowed`}
      </summary>
      <p class="muted">
        Revision <code>{shadow.revision}</code> is judged on {sidecars.judging} of{' '}
        {plural(sidecars.concerned, 'sidecar')} that would decide otherwise; nothing of it is
        enforced.
      </p>
      <ul class="problems">
        {changed.slice(0, LISTED_MAX).map((each) => (
          <li key={`${each.caller} ${each.callee} ${each.operation}`}>
            <SelectLink to={{ kind: 'edge', caller: each.caller, callee: each.callee }}>
              {each.caller} → {each.callee}
            </SelectLink>{' '}
            {each.operation}: {shadowText(each)}
          </li>
        ))}
      </ul>
      {changed.length > LISTED_MAX && (
        <p class="muted">
          and {changed.length - LISTED_MAX} more: <code>dotline policy shadow</code>
        </p>
      )}
    </details>
  );
}
