import type { Problem } from '@dotline/model/mesh-error';

/** Problems as file, line, message and the way out. */
export function ProblemList({ problems }: { readonly problems: readonly Problem[] }) {
  return (
    <ul class="problems">
      {problems.map((problem) => (
        <li key={`${problem.file}:${problem.line}:${problem.message}`}>
          <code>
            {problem.file}:{problem.line}
          </code>{' '}
          {problem.message}
          {problem.hint !== undefined && <span class="hint"> — {problem.hint}</span>}
        </li>
      ))}
    </ul>
  );
}
