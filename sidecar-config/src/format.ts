/**
 * Command operators of Envoy's substitution formatter.
 * Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage
 */

/** Text that must come out as it is: the formatter reads `%` as the start of a command. */
export function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A command with its parameter, for `firstPresent`. */
export interface Command {
  readonly command: string;
  readonly param: string;
}

/** The first of several commands that has a value. */
export function firstPresent(...operators: readonly Command[]): string {
  return `%COALESCE(${JSON.stringify({ operators })})%`;
}

/** A value computed by Envoy's expression language. */
export function expression(cel: string): string {
  return `%CEL(${cel})%`;
}

/** A request path without its query, which may carry personal data, at most 1,024 bytes. */
export const PATH_WITHOUT_QUERY = '%PATH(NQ:PATH:1024)%';
