import { hasAnyRest } from '@dotline/model/path-template';

/**
 * The parameters of a path by the names in its template, decoded: `{account: "7"}` for `/v1/profiles/7` and
 * `/v1/profiles/{account}`. What `**` stands for is no parameter.
 * @returns undefined when the path is not of the template, or not decodable
 */
export function pathParameters(template: string, path: string): Record<string, string> | undefined {
  const rest = hasAnyRest(template);
  const all = template.split('/');
  const names = rest ? all.slice(0, -1) : all;
  const segments = path.split('/');
  if (rest && segments.length < all.length) return undefined;
  const values = rest ? segments.slice(0, names.length) : segments;
  if (names.length !== values.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const value = values[index] ?? '';
    if (!name.startsWith('{')) {
      if (name !== value) return undefined;
      continue;
    }
    const decoded = decode(value);
    if (decoded === undefined || decoded === '') return undefined;
    parameters[name.slice(1, -1)] = decoded;
  }
  return parameters;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
