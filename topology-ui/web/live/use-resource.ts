import { useEffect, useState } from 'preact/hooks';
import { ApiError } from './api-client.js';

export interface Resource<Content> {
  readonly content: Content | null;
  /** What went wrong last; the content is then of an earlier answer. */
  readonly error: ApiError | null;
}

/**
 * Loads something and loads it again every `refreshMs` while the component is shown and the page
 * is visible. Another `key` starts anew; an answer that comes late for its key is dropped.
 */
export function useResource<Content>(
  key: string,
  load: () => Promise<Content>,
  refreshMs: number | null,
): Resource<Content> {
  const [state, setState] = useState<Resource<Content> & { readonly key: string }>({
    key,
    content: null,
    error: null,
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const again = () => {
      if (!gone && refreshMs !== null) timer = setTimeout(run, refreshMs);
    };
    const run = () => {
      if (document.hidden) return again();
      load().then(
        (content) => {
          if (!gone) setState({ key, content, error: null });
          again();
        },
        (cause: unknown) => {
          const error = cause instanceof ApiError ? cause : new ApiError(String(cause), 0);
          if (!gone) {
            setState((old) => ({ key, content: old.key === key ? old.content : null, error }));
          }
          again();
        },
      );
    };
    run();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key, refreshMs]);
  return state.key === key ? state : { content: null, error: null };
}
