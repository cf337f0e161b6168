import type { OperationDecisions, RequestDecision } from '@dotline/collectors/request-decisions';
import type { RequestRuleView } from '@dotline/topology-ui/api';
import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import type { RequestEnds } from '../live/api-client.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { outcomesText, reasonText } from '../view-model/decision-text.js';
import { formatClock } from '../view-model/format.js';
import { Section } from './panel-frame.js';

const REFRESH_MS = 5_000;

/**
 * What rules decided about single requests for a service, or about those of one caller: how many, and the
 * latest. Absent where no rule has any decided.
 * @param operations of which it is shown; by default all that the callee offers
 */
export function RequestDecisions({ caller, callee, operations }: RequestDecisionsProps) {
  const store = useStore();
  const offered = store.graph.value?.services.find(({ name }) => name === callee)?.operations ?? [];
  const decided = offered.flatMap(({ id, requestRule }) =>
    requestRule !== null && (operations?.includes(id) ?? true) ? [{ id, rule: requestRule }] : [],
  );
  if (decided.length === 0) return null;
  const ends: RequestEnds = { callee, ...(caller === undefined ? {} : { caller }) };
  return <Decisions ends={ends} decided={decided} />;
}

interface RequestDecisionsProps extends RequestEnds {
  readonly operations?: readonly string[];
}

interface DecidedOperation {
  readonly id: string;
  readonly rule: RequestRuleView;
}

function Decisions(props: {
  readonly ends: RequestEnds;
  readonly decided: readonly DecidedOperation[];
}) {
  const { ends, decided } = props;
  const store = useStore();
  const key = `${ends.caller ?? ''}->${ends.callee}`;
  const counts = useResource(
    `decision counts ${key}`,
    () => store.api.decisionCounts(ends),
    REFRESH_MS,
  );
  const latest = useResource(`decisions ${key}`, () => store.api.decisions(ends), REFRESH_MS);
  return (
    <Section title="Each request decided by rules">
      <ul class="decided" data-decided={ends.callee}>
        {decided.map(({ id, rule }) => (
          <DecidedOperationLine
            key={id}
            operation={id}
            rule={rule}
            counts={counts.content?.operations.find(({ operation }) => operation === id)}
            isKnown={counts.content !== null}
          />
        ))}
      </ul>
      <ResourceNote resource={latest} what="decisions" />
      {latest.content !== null && (
        <Latest decisions={latest.content.decisions} withCaller={ends.caller === undefined} />
      )}
    </Section>
  );
}

function DecidedOperationLine(props: {
  readonly operation: string;
  readonly rule: RequestRuleView;
  readonly counts: OperationDecisions | undefined;
  readonly isKnown: boolean;
}) {
  const { operation, rule, counts, isKnown } = props;
  const none = { allowed: 0, refused: 0, undecided: 0 };
  return (
    <li data-decided-operation={operation}>
      <strong>{operation}</strong>
      <code class="decided-rule">
        {rule.file}:{rule.line}
      </code>
      <span class="muted">fail {rule.fail}</span>
      {isKnown && (
        <span class="numeric">
          last 5 min {outcomesText(counts?.lastMinutes ?? none)} · last hour{' '}
          {outcomesText(counts?.lastHour ?? none)}
        </span>
      )}
    </li>
  );
}

function Latest(props: {
  readonly decisions: readonly RequestDecision[];
  readonly withCaller: boolean;
}) {
  const { decisions, withCaller } = props;
  if (decisions.length === 0) {
    return <p class="note muted">Nothing was decided in the last day.</p>;
  }
  return (
    <ul class="decisions" aria-label="Latest decisions">
      {decisions.map((each, index) => (
        <li key={`${each.atMs} ${each.traceId} ${index}`} data-outcome={each.outcome}>
          <span class="numeric muted">{formatClock(each.atMs)}</span>
          <span class={`outcome ${each.outcome}`}>{each.outcome}</span>
          <span class="decision-request">
            {withCaller && (
              <>
                <SelectLink to={{ kind: 'service', name: each.caller }}>
                  {each.caller}
                </SelectLink>{' '}
              </>
            )}
            {each.operation}
          </span>
          {each.traceId === '' ? (
            <span class="muted">–</span>
          ) : (
            <SelectLink to={{ kind: 'trace', traceId: each.traceId }}>trace</SelectLink>
          )}
          <span class="decision-why">
            {reasonText(each)} {each.rule !== '' && <code>{each.rule}</code>}
          </span>
        </li>
      ))}
    </ul>
  );
}
