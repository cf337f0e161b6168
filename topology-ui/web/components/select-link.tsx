import type { ComponentChildren } from 'preact';
import { useStore } from '../live/store-context.js';
import { formatRoute, type Selection } from '../view-model/route.js';

export interface SelectLinkProps {
  readonly to: Selection;
  readonly children: ComponentChildren;
  readonly class?: string;
}

/** A real link that selects something, so that it can be copied and opened in another tab. */
export function SelectLink({ to, children, class: className }: SelectLinkProps) {
  const store = useStore();
  return (
    <a class={className ?? ''} href={formatRoute({ ...store.route.value, selection: to })}>
      {children}
    </a>
  );
}
