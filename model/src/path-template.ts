/**
 * Path templates of operations: literal segments and `{parameter}` segments, each parameter one
 * whole segment. `/v1/estimates/{id}` matches `/v1/estimates/7`, neither `/v1/estimates/` nor deeper.
 * A last segment `**` stands for any rest, also an empty one: `/v1/**` matches `/v1/` and all below.
 */

const REST = '**';

const SEGMENT = /^(\{[A-Za-z][A-Za-z0-9_]*\}|[A-Za-z0-9._~-]+)$/;

/** Whether a template can be used: absolute, no empty, dot or half-parameter segment. */
export function isPathTemplate(template: string): boolean {
  if (template === '/') return true;
  const [root, ...all] = template.split('/');
  const segments = all.at(-1) === REST ? all.slice(0, -1) : all;
  return (
    root === '' && all.length > 0 && segments.every((s) => SEGMENT.test(s) && !/^\.{1,2}$/.test(s))
  );
}

/** Whether a template matches paths of any depth. */
export function hasAnyRest(template: string): boolean {
  return template.endsWith(`/${REST}`);
}

/** A regular expression (RE2 and JavaScript alike) that a whole path, without its query, must match. */
export function pathTemplateRegex(template: string): string {
  return template
    .split('/')
    .map((segment) => {
      if (segment === REST) return '.*';
      return segment.startsWith('{') ? '[^/]+' : segment.replaceAll('.', '\\.');
    })
    .join('/');
}

/** The template of the paths that match both; `undefined` when none does. */
export function overlapOfTemplates(a: string, b: string): string | undefined {
  const left = a.split('/');
  const right = b.split('/');
  const both: string[] = [];
  for (const [index, segment] of left.entries()) {
    const other = right[index];
    if (other === undefined) return undefined;
    if (segment === REST) return [...both, ...right.slice(index)].join('/');
    if (other === REST) return [...both, ...left.slice(index)].join('/');
    if (segment.startsWith('{')) both.push(other);
    else if (other === segment || other.startsWith('{')) both.push(segment);
    else return undefined;
  }
  return left.length === right.length ? both.join('/') : undefined;
}
