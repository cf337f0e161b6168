import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import { teamOf } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { legibleColour } from '../view-model/colour.js';
import { formatMs, plural } from '../view-model/format.js';
import { type WaterfallRow, waterfall } from '../view-model/waterfall.js';
import { PanelFrame } from './panel-frame.js';

/** One request's way through the mesh as a waterfall of spans. */
export function TracePanel({ traceId }: { readonly traceId: string }) {
  const store = useStore();
  const resource = useResource(`trace ${traceId}`, () => store.api.trace(traceId), null);
  const spans = resource.content?.spans ?? [];
  const { rows, durationMs } = waterfall(spans);
  const services = new Set(spans.map((span) => span.service));
  return (
    <PanelFrame kind="Trace" title={<code class="trace-id">{traceId}</code>} wide>
      <p>
        <button type="button" class="link" onClick={() => history.back()}>
          ← Back
        </button>
      </p>
      <ResourceNote resource={resource} what="trace" />
      {resource.content !== null && spans.length === 0 && (
        <p class="note">No span of this trace has been stored yet.</p>
      )}
      {rows.length > 0 && (
        <>
          <p class="muted">
            {plural(spans.length, 'span')} in {plural(services.size, 'service')},{' '}
            {formatMs(durationMs)}
            {rows.length < spans.length ? `; the first ${rows.length} are shown` : ''}
          </p>
          <ol class="waterfall">
            {rows.map((row) => (
              <SpanRow key={row.span.spanId} row={row} />
            ))}
          </ol>
        </>
      )}
    </PanelFrame>
  );
}

function SpanRow({ row }: { readonly row: WaterfallRow }) {
  const store = useStore();
  const { span, depth, offset, length } = row;
  const team = teamOf(store, span.service);
  const colour = store.graph.value?.teams.find(({ name }) => name === team)?.colour ?? '';
  return (
    <li class={span.failed ? 'failed' : ''}>
      <div class="span-name" style={{ paddingLeft: `${Math.min(depth, 12) * 12}px` }}>
        <SelectLink to={{ kind: 'service', name: span.service }}>{span.service}</SelectLink>{' '}
        <span class="muted">{span.name}</span>
        {span.failed && <span class="danger"> ✕ failed</span>}
      </div>
      <div class="span-track">
        <span
          class="span-bar"
          style={{
            left: `${offset * 100}%`,
            width: `${Math.max(0.4, length * 100)}%`,
            background: legibleColour(colour, store.theme.value),
          }}
        />
      </div>
      <span class="span-took numeric">{formatMs(span.durationMs)}</span>
    </li>
  );
}
