import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../live/store-context.js';

export interface PanelFrameProps {
  readonly title: ComponentChildren;
  readonly kind: string;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

/** The frame that all panels share. Focus moves to its title, so that readers hear what opened. */
export function PanelFrame({ title, kind, wide, children }: PanelFrameProps) {
  const store = useStore();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <aside class={`panel ${wide === true ? 'wide' : ''}`} aria-label="Details" data-panel={kind}>
      <header class="panel-head">
        <div>
          <p class="panel-kind">{kind}</p>
          <h2 ref={heading} tabIndex={-1}>
            {title}
          </h2>
        </div>
        <button
          type="button"
          class="close"
          aria-label="Close details"
          title="Close (Escape)"
          onClick={() => store.navigate({ selection: null })}
        >
          ×
        </button>
      </header>
      <div class="panel-body">{children}</div>
    </aside>
  );
}

/** A titled part of a panel. */
export function Section(props: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{props.title}</h3>
      {props.children}
    </section>
  );
}
