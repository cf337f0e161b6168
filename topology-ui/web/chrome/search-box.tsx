import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../live/store-context.js';
import { type Finding, search } from '../view-model/search.js';

/** Finds services, teams and operations; `/` focuses it, arrows choose, Enter goes there. */
export function SearchBox() {
  const store = useStore();
  const input = useRef<HTMLInputElement>(null);
  const chosen = useSignal(0);
  const open = useSignal(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof Element && event.target.closest('input, select, textarea');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  const graph = store.graph.value;
  const findings = graph === null ? [] : search(graph, store.query.value);
  const shown = open.value && store.query.value.trim() !== '';
  const go = (finding: Finding | undefined) => {
    if (finding === undefined) return;
    if (finding.kind === 'team') store.navigate({ team: finding.name, selection: null });
    else {
      const name = finding.kind === 'service' ? finding.name : finding.service;
      store.navigate({ selection: { kind: 'service', name } });
    }
    store.query.value = '';
    input.current?.blur();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && findings.length > 0) {
      event.preventDefault();
      chosen.value = (chosen.value + step + findings.length) % findings.length;
    } else if (event.key === 'Enter') {
      go(findings[chosen.value]);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      store.query.value = '';
      input.current?.blur();
    }
  };
  return (
    <search class="search">
      <input
        ref={input}
        type="search"
        role="combobox"
        aria-label="Search services, teams and operations"
        aria-expanded={shown}
        aria-controls="search-findings"
        aria-activedescendant={shown ? `finding-${chosen.value}` : undefined}
        placeholder="Service, team, operation  /"
        autocomplete="off"
        spellcheck={false}
        value={store.query.value}
        onInput={(event) => {
          store.query.value = event.currentTarget.value;
          chosen.value = 0;
        }}
        onKeyDown={onKeyDown}
        onFocus={() => {
          open.value = true;
        }}
        onBlur={() => {
          open.value = false;
        }}
      />
      {shown && (
        <div class="findings" id="search-findings" role="listbox" aria-label="Found">
          {findings.map((finding, index) => (
            <div
              key={`${finding.kind} ${finding.name}`}
              id={`finding-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen.value}
              onMouseDown={(event) => {
                event.preventDefault();
                go(finding);
              }}
            >
              <span class="finding-kind">{finding.kind}</span>
              <span class="finding-name">{finding.name}</span>
              <span class="finding-note">{finding.note}</span>
            </div>
          ))}
          {findings.length === 0 && <p class="empty">Nothing has that name</p>}
        </div>
      )}
    </search>
  );
}
