import type { RuleText } from './prune-rule-text.js';

/** A list or set of plain texts, such as `["fare.estimate", "fare.get-estimate"]`, on one line or several. */
const LIST = /[[{]\s*(?:"[^"\\\n]*"\s*,\s*)*"[^"\\\n]*"\s*,?\s*[\]}]/g;
const ELEMENT = /"[^"\\\n]*"/g;

/** A file's text without some of its rules, their annotations, and the comments that stand directly above them. */
export function withoutRules(text: string, rules: readonly RuleText[]): string {
  const lines = text.split('\n');
  for (const { firstLine, lastLine } of [...rules].sort((a, b) => b.line - a.line)) {
    let start = firstLine - 1;
    while (start > 0 && lines[start - 1]?.startsWith('#') === true) start -= 1;
    lines.splice(start, lastLine - start);
    // The blank line above is enough.
    while (start > 0 && lines[start - 1] === '' && lines[start] === '') lines.splice(start, 1);
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/**
 * A file's text in which a rule's literal lists lack some elements; `undefined` when one of them does not stand in
 * exactly one place of the rule, in a list that keeps another element.
 */
export function withoutElements(
  text: string,
  rule: RuleText,
  elements: readonly string[],
): string | undefined {
  const offset = offsetOf(text, rule);
  if (offset === undefined) return undefined;
  let changed = rule.text;
  for (const element of elements) {
    const quoted = JSON.stringify(element);
    if (changed.split(quoted).length !== 2) return undefined;
    const list = [...changed.matchAll(LIST)].find(([found]) => found.includes(quoted));
    if (list === undefined) return undefined;
    const shorter = listWithout(list[0], quoted);
    if (shorter === undefined) return undefined;
    changed = `${changed.slice(0, list.index)}${shorter}${changed.slice(list.index + list[0].length)}`;
  }
  return `${text.slice(0, offset)}${changed}${text.slice(offset + rule.text.length)}`;
}

function listWithout(list: string, quoted: string): string | undefined {
  const rest = (list.match(ELEMENT) ?? []).filter((each) => each !== quoted);
  if (rest.length === 0) return undefined;
  const open = list.slice(0, 1);
  const close = list.slice(-1);
  if (!list.includes('\n')) return `${open}${rest.join(', ')}${close}`;
  const indent = /\n(\s*)"/.exec(list)?.[1] ?? '\t\t';
  const outdent = /\n([^\S\n]*)[\]}]$/.exec(list)?.[1] ?? '\t';
  return `${open}\n${rest.map((each) => `${indent}${each},\n`).join('')}${outdent}${close}`;
}

function offsetOf(text: string, rule: RuleText): number | undefined {
  const above = text
    .split('\n')
    .slice(0, rule.line - 1)
    .join('\n').length;
  const offset = text.indexOf(rule.text, above);
  // Not further down than on the line where the rule is said to begin.
  return offset !== -1 && text.slice(0, offset).split('\n').length === rule.line
    ? offset
    : undefined;
}
