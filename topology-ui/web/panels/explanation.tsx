import type { MissingRule, OperationExplanation } from '@dotline/policies/explain';
import { useSignal } from '@preact/signals';
import { ResourceNote } from '../components/resource-note.js';
import { TeamMark } from '../components/team-mark.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import type { Ends } from './owners.js';
import { Section } from './panel-frame.js';
import { readExplanation } from './read-explanation.js';
import { WitnessLine } from './witness-line.js';

/** Why `caller` may not (or may) talk to `callee`, with the rules to paste. */
export function Explanation({ caller, callee }: Ends) {
  const store = useStore();
  const key = `explain ${caller} ${callee} ${store.graph.value?.revision.id ?? ''}`;
  const resource = useResource(key, () => store.api.explain(caller, callee), null);
  const explanation = readExplanation(resource.content);
  return (
    <Section title="What the policies say">
      <ResourceNote resource={resource} what="explanation" />
      {explanation !== null && (
        <>
          <p class={`verdict verdict-${explanation.verdict}`}>{explanation.summary}</p>
          {explanation.operations.map((operation) => (
            <Operation key={operation.operation} explanation={operation} />
          ))}
        </>
      )}
    </Section>
  );
}

const signs = {
  agreed: '✓ agreed',
  refused: '✕ forbidden by a guardrail',
  blocked: '✕ rules missing',
};

function Operation({ explanation }: { readonly explanation: OperationExplanation }) {
  const { operation, state, purposes, optional, need, grant, grantedTo, refusals, missing } =
    explanation;
  return (
    <details class="agreement" open={state !== 'agreed'}>
      <summary>
        <strong>{operation}</strong>{' '}
        <span class={state === 'agreed' ? 'ok' : 'danger'}>{signs[state] ?? state}</span>
      </summary>
      {purposes.length > 0 && <p class="muted">For: {purposes.join(', ')}</p>}
      {optional && <p class="muted">Optional: the caller works on without it</p>}
      {need !== undefined && <WitnessLine side="needed by" witness={need} />}
      {grant !== undefined && <WitnessLine side="granted by" witness={grant} />}
      {refusals.map((refusal) => (
        <p key={refusal.reason} class="danger">
          {refusal.reason}
        </p>
      ))}
      {missing.map((rule) => (
        <MissingRuleCard key={`${rule.side} ${rule.rego}`} rule={rule} />
      ))}
      {grantedTo.length > 0 && <p class="muted">Granted now to: {grantedTo.join(', ')}</p>}
    </details>
  );
}

function MissingRuleCard({ rule }: { readonly rule: MissingRule }) {
  const copied = useSignal(false);
  const copy = () => {
    navigator.clipboard.writeText(rule.rego).then(
      () => {
        copied.value = true;
      },
      () => {
        copied.value = false;
      },
    );
  };
  return (
    <div class="missing-rule">
      <p>
        <TeamMark team={rule.team} /> adds the missing {rule.side}
        <span class="muted"> · ask {rule.contact}</span>
      </p>
      <p class="source">
        in <code>{rule.file}</code> (<code>{rule.packageLine}</code>)
      </p>
      <div class="rego">
        <pre>
          <code>{rule.rego}</code>
        </pre>
        <button type="button" onClick={copy}>
          {copied.value ? 'Copied' : 'Copy'}
        </button>
      </div>
    </div>
  );
}
