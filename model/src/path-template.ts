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
