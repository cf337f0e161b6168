import type { ObjectiveView } from '@dotline/topology-ui/api';
import {
  formatAgo,
  formatCount,
  formatLevel,
  formatMs,
  formatShare,
  plural,
} from '../view-model/format.js';

/** One objective: how good, against what, how much budget is left and how fast it burns. */
export function ObjectiveCard({ objective }: { readonly objective: ObjectiveView }) {
  return (
    <article class={`objective alert-${objective.alert}`}>
      <header>
        <strong>{objective.title}</strong>
        <AlertMark objective={objective} />
      </header>
      <p class="objective-level">
        <b>{formatLevel(objective.sli)}</b>
        <span class="muted">
          of {formatLevel(objective.target)} {indicatorOf(objective)} over {objective.windowDays} d
          · {formatCount(objective.good)} of {formatCount(objective.total)} good
        </span>
      </p>
      <BudgetBar objective={objective} />
      <BurnRates objective={objective} />
      <p class="source">
        <code>
          {objective.file}:{objective.line}
        </code>
      </p>
    </article>
  );
}

export function AlertMark({ objective }: { readonly objective: ObjectiveView }) {
  const { alert, evaluatedAtMs } = objective;
  if (evaluatedAtMs === null) return <span class="chip small">not evaluated yet</span>;
  if (alert === 'ok' && isTooLittleTraffic(objective)) {
    return <span class="chip small">too little traffic yet</span>;
  }
  if (alert === 'ok') return <span class="chip small ok">✓ ok</span>;
  return (
    <span class={`chip small ${alert === 'page' ? 'danger-fill' : 'warning-fill'}`}>
      {alert === 'page' ? '! page' : '~ ticket'} since{' '}
      {formatAgo(objective.alertSinceMs, Date.now())}
    </span>
  );
}

/** Too few requests to say whether the objective is met. */
function isTooLittleTraffic({ total, eventsNeeded }: ObjectiveView): boolean {
  return total < eventsNeeded;
}

export function indicatorOf(objective: ObjectiveView): string {
  return objective.thresholdMs === null
    ? objective.indicator
    : `under ${formatMs(objective.thresholdMs)}`;
}

/** What is left of the error budget; an overspent one is full and red. */
export function BudgetBar({ objective }: { readonly objective: ObjectiveView }) {
  const { budgetLeft: left, total, eventsNeeded } = objective;
  if (left === null) {
    const seen = total === 0 ? 'no requests yet' : plural(total, 'request');
    return (
      <p class="muted">
        {seen}; it takes {formatCount(eventsNeeded)} to tell
      </p>
    );
  }
  const share = Math.min(1, Math.max(0, left));
  const tone = left <= 0 ? 'danger' : left < 0.25 ? 'warning' : 'ok';
  const text =
    left < 0 ? `budget overspent by ${formatShare(-left)}` : `${formatShare(left)} of budget left`;
  return (
    <div class={`budget ${tone}`}>
      <div class="budget-bar" aria-hidden="true">
        <span style={{ width: `${(left <= 0 ? 1 : share) * 100}%` }} />
      </div>
      <span class="budget-text">{text}</span>
    </div>
  );
}

export function BurnRates({ objective }: { readonly objective: ObjectiveView }) {
  return (
    <ul class="burns" aria-label="Burn rates">
      {objective.burnRates.map((burn) => (
        <li
          key={burn.window}
          class={burn.burnRate >= 6 ? 'danger' : burn.burnRate > 1 ? 'warning' : ''}
        >
          {burn.window} <b>{formatCount(Math.max(0, burn.burnRate))}×</b>
        </li>
      ))}
    </ul>
  );
}
