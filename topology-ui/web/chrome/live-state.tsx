import { trafficProblem } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { formatClock } from '../view-model/format.js';

/** Whether what is shown is what is: live, live without figures, or old. */
export function LiveState() {
  const store = useStore();
  const { state, reason } = store.connection.value;
  const at = store.lastUpdateMs.value;
  const clock = at === null ? 'never' : formatClock(at);
  const problem = trafficProblem(store);
  const tone = state !== 'live' ? 'stale' : problem !== null ? 'partial' : 'live';
  const word =
    state === 'live'
      ? problem === null
        ? 'Live'
        : 'Figures incomplete'
      : state === 'connecting'
        ? 'Connecting'
        : 'Reconnecting';
  return (
    <p
      class={`live-state ${tone}`}
      role="status"
      aria-live="polite"
      data-state={state}
      title={reason ?? problem ?? `Last update ${clock}`}
    >
      <span class="live-dot" aria-hidden="true" />
      <span>{word}</span>
      <time aria-hidden="true">{clock}</time>
    </p>
  );
}
