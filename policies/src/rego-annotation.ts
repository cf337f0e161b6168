import { z } from 'zod';

/** A `# METADATA` block in OPA's syntax tree; the text of its location is base64. */
export const SyntaxAnnotation = z.object({
  scope: z.enum(['rule', 'document', 'package', 'subpackages']),
  title: z.string().optional(),
  custom: z.record(z.string(), z.unknown()).optional(),
  location: z.object({ row: z.number(), text: z.string().optional() }).optional(),
});

/** What people say about rules in a `# METADATA` block. */
export interface RegoAnnotation {
  readonly scope: 'rule' | 'document' | 'package' | 'subpackages';
  /** 1-based line where the block starts. */
  readonly line: number;
  readonly title?: string;
  readonly owner?: string;
  readonly ticket?: string;
  /** `YYYY-MM-DD`: the last day on which the rule holds. */
  readonly expires?: string;
  readonly faults: readonly AnnotationFault[];
}

/** Something in a block that cannot be meant as it stands. */
export interface AnnotationFault {
  readonly line: number;
  readonly message: string;
  readonly hint: string;
}

const CUSTOM = ['owner', 'ticket', 'expires'] as const;

export function readAnnotation(raw: z.infer<typeof SyntaxAnnotation>): RegoAnnotation {
  const line = raw.location?.row ?? 1;
  const text = Buffer.from(raw.location?.text ?? '', 'base64').toString('utf8');
  const lines = text.split('\n');
  const lineOf = (key: string) =>
    line +
    Math.max(
      0,
      lines.findLastIndex((each) => each.replace(/^#\s*/, '').startsWith(`${key}:`)),
    );
  const faults: AnnotationFault[] = [];
  const fault = (key: string, message: string, hint: string) =>
    faults.push({ line: lineOf(key), message, hint });

  // OPA drops keys that it does not know, so a date there would end nothing.
  for (const key of CUSTOM.filter((each) => topLevelKeys(lines).has(each))) {
    fault(
      key,
      `${key} stands outside of custom, where OPA ignores it`,
      'indent it below "# custom:"',
    );
  }
  const custom: { owner?: string; ticket?: string; expires?: string } = {};
  for (const key of CUSTOM) {
    const value = raw.custom?.[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number') {
      fault(key, `custom.${key} is not a text`, `write "# custom:" and below it "#   ${key}: …"`);
      continue;
    }
    // OPA's YAML turns 2026-12-31 into a time.
    custom[key] = key === 'expires' ? String(value).replace(/T00:00:00Z$/, '') : String(value);
  }
  if (custom.expires !== undefined && !isDate(custom.expires)) {
    const message = `custom.expires is ${custom.expires}, which is not a date`;
    fault('expires', message, 'write the last day on which the rule holds, such as 2027-03-31');
    delete custom.expires;
  }
  const title = raw.title === undefined || raw.title === '' ? {} : { title: raw.title };
  return { scope: raw.scope, line, ...title, ...custom, faults };
}

/** A day of the calendar, so not 2026-02-30. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** Keys of the block that are indented as little as its first. */
function topLevelKeys(lines: readonly string[]): ReadonlySet<string> {
  const keys = lines.slice(1).flatMap((each) => {
    const [, indent, key] = /^#(\s*)([\w-]+):/.exec(each) ?? [];
    return indent === undefined || key === undefined ? [] : [{ indent: indent.length, key }];
  });
  const least = Math.min(...keys.map(({ indent }) => indent));
  return new Set(keys.filter(({ indent }) => indent === least).map(({ key }) => key));
}
