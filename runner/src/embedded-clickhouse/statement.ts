import { ClickHouseException } from './clickhouse-exception.js';

/** One statement to run, with everything of the request that changes its meaning. */
export interface Statement {
  readonly text: string;
  /** Data that follows an `INSERT … FORMAT`; empty for all others. */
  readonly data: Buffer;
  readonly database: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  /** Values of `{name:Type}` in the text, escaped as in TabSeparated. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Format of the answer when the text names none. */
  readonly defaultFormat: string;
  /** Requests by GET may not change anything. */
  readonly readOnly: boolean;
}

const WRITES =
  /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:INSERT|CREATE|ALTER|DROP|TRUNCATE|RENAME|EXCHANGE|OPTIMIZE|DELETE|UPDATE|ATTACH|DETACH|SYSTEM|GRANT|REVOKE|UNDROP|KILL)\b/i;

/** Whether a statement belongs into the lane of writes. */
export function isWrite(text: string): boolean {
  return WRITES.test(text);
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The statements that give a fresh session the request's database, settings and parameters.
 * @throws ClickHouseException when a name is no identifier
 */
export function sessionStatements(statement: Statement): string {
  const assignments = [
    ...[...statement.settings].map(([name, value]) => `${identifier(name)} = ${literal(value)}`),
    ...[...statement.parameters].map(
      ([name, value]) => `param_${identifier(name)} = ${literal(value)}`,
    ),
  ];
  const statements = [];
  if (statement.database !== undefined) {
    statements.push(`USE \`${statement.database.replace(/[`\\]/g, '\\$&')}\``);
  }
  if (assignments.length > 0) statements.push(`SET ${assignments.join(', ')}`);
  // Last, because nothing but changing settings is allowed after it.
  if (statement.readOnly) statements.push('SET readonly = 2');
  return statements.join('; ');
}

function identifier(name: string): string {
  if (IDENTIFIER.test(name)) return name;
  throw new ClickHouseException(
    36,
    'BAD_ARGUMENTS',
    `${JSON.stringify(name)} is no setting's name`,
  );
}

/** A string literal of ClickHouse SQL: backslash and quote are the only ways out of it. */
function literal(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`;
}
