import { useShadow } from '../live/use-shadow.js';
import { shadowText } from '../view-model/shadow-text.js';
import type { Ends } from './owners.js';
import { Section } from './panel-frame.js';

/** What a staged revision would change between two services; absent when it would not. */
export function EdgeShadow({ caller, callee }: Ends) {
  const shadow = useShadow();
  const judged = shadow?.operations.filter(
    (each) => each.caller === caller && each.callee === callee && each.operation !== 'denied',
  );
  if (shadow === null || judged === undefined || judged.length === 0) return null;
  return (
    <Section title={`Shadow of ${shadow.name}`}>
      <ul class="problems" data-shadow={shadow.revision}>
        {judged.map((each) => (
          <li key={each.operation}>
            <strong>{each.operation}</strong>{' '}
            <span class={each.wouldBeDenied > 0 ? 'danger numeric' : 'muted numeric'}>
              {shadowText(each)}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
