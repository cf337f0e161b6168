import type { Explanation, MissingRule, OperationExplanation } from '@dotline/policies/explain';

/**
 * Reads the answer of `/api/explain`. The explanation is made by the policies compiler, which may be
 * older or newer than the page: what is missing is left empty, what is no explanation is `null`.
 */
export function readExplanation(answer: unknown): Explanation | null {
  if (!isRecord(answer) || typeof answer.summary !== 'string') return null;
  return {
    from: text(answer.from),
    to: text(answer.to),
    verdict: verdicts.find((verdict) => verdict === answer.verdict) ?? 'unknown',
    summary: answer.summary,
    operations: list(answer.operations).map(readOperation),
  };
}

const verdicts = ['allowed', 'refused', 'blocked', 'unknown'] as const;
const states = ['agreed', 'refused', 'blocked'] as const;

function readOperation(operation: Loose): OperationExplanation {
  const read = operation as Partial<OperationExplanation>;
  return {
    operation: text(operation.operation),
    class: read.class ?? 'read',
    state: states.find((state) => state === operation.state) ?? 'blocked',
    purposes: Array.isArray(operation.purposes) ? operation.purposes.map(text) : [],
    optional: operation.optional === true,
    ...(isRecord(operation.need) && read.need !== undefined ? { need: read.need } : {}),
    ...(isRecord(operation.grant) && read.grant !== undefined ? { grant: read.grant } : {}),
    grantedTo: Array.isArray(operation.grantedTo) ? operation.grantedTo.map(text) : [],
    refusals: Array.isArray(read.refusals) ? read.refusals : [],
    missing: list(operation.missing).map(readMissing),
  };
}

function readMissing(rule: Loose): MissingRule {
  return {
    side: rule.side === 'grant' ? 'grant' : 'need',
    team: text(rule.team),
    contact: text(rule.contact),
    file: text(rule.file),
    packageLine: text(rule.packageLine),
    rego: text(rule.rego),
  };
}

type Loose = { readonly [Field in Fields]?: unknown };
type Fields = keyof Explanation | keyof OperationExplanation | keyof MissingRule;

function list(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
