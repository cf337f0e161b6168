/**
 * Path templates of operations: literal segments and `{parameter}` segments, each parameter one
 * whole segment. `/v1/estimates/{id}` matches `/v1/estimates/7`, neither `/v1/estimates/` nor deeper.
 */

const SEGMENT = /^(\{[A-Za-z][A-Za-z0-9_]*\}|[A-Za-z0-9._~-]+)$/;

/** Whether a template can be used: absolute, no empty, dot or half-parameter segment. */
export function isPathTemplate(template: string): boolean {
  if (template === '/') return true;
  const [root, ...segments] = template.split('/');
  return (
    root === '' &&
    segments.length > 0 &&
    segments.every((s) => SEGMENT.test(s) && !/^\.{1,2}$/.test(s))
  );
}

/** A regular expression (RE2 and JavaScript alike) that a whole path, without its query, must match. */
export function pathTemplateRegex(template: string): string {
  return template
    .split('/')
    .map((segment) => (segment.startsWith('{') ? '[^/]+' : segment.replaceAll('.', '\\.')))
    .join('/');
}

/** The template of the paths that match both; `undefined` when none does. */
export function overlapOfTemplates(a: string, b: string): string | undefined {
  const left = a.split('/');
  const right = b.split('/');
  if (left.length !== right.length) return undefined;
  const both: string[] = [];
  for (const [index, segment] of left.entries()) {
    const other = right[index] ?? '';
    if (segment.startsWith('{')) both.push(other);
    else if (other === segment || other.startsWith('{')) both.push(segment);
    else return undefined;
  }
  return both.join('/');
}
