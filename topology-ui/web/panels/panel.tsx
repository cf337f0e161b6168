import { useEffect } from 'preact/hooks';
import { useStore } from '../live/store-context.js';
import { DenialPanel } from './denial-panel.js';
import { EdgePanel } from './edge-panel.js';
import { ServicePanel } from './service-panel.js';
import { TracePanel } from './trace-panel.js';

/** What is known about the selection; a sheet at the bottom on narrow screens. Escape closes it. */
export function Panel() {
  const store = useStore();
  const { selection } = store.route.value;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') store.navigate({ selection: null });
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [store]);
  switch (selection?.kind) {
    case 'service':
      return <ServicePanel key={selection.name} name={selection.name} />;
    case 'edge':
    case 'denial': {
      const { caller, callee } = selection;
      const Which = selection.kind === 'edge' ? EdgePanel : DenialPanel;
      return <Which key={`${caller}->${callee}`} caller={caller} callee={callee} />;
    }
    case 'trace':
      return <TracePanel key={selection.traceId} traceId={selection.traceId} />;
    default:
      return null;
  }
}
