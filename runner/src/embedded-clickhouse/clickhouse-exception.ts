/**
 * An error as a ClickHouse server reports it. Clients read the code from a header and the type from
 * the text's trailing parentheses.
 * Source: https://clickhouse.com/docs/interfaces/http (X-ClickHouse-Exception-Code)
 */
export class ClickHouseException extends Error {
  override readonly name = 'ClickHouseException';

  constructor(
    readonly code: number,
    readonly type: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`Code: ${code}. DB::Exception: ${reason} (${type})`, options);
  }

  /** HTTP status that goes with the code. */
  get httpStatus(): number {
    return STATUS_OF_CODE.get(this.code) ?? 500;
  }
}

const STATUS_OF_CODE = new Map<number, number>([
  [6, 400], // CANNOT_PARSE_TEXT
  [16, 404], // NO_SUCH_COLUMN_IN_TABLE
  [26, 400], // CANNOT_PARSE_QUOTED_STRING
  [27, 400], // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  [36, 400], // BAD_ARGUMENTS
  [38, 400], // CANNOT_PARSE_DATE
  [41, 400], // CANNOT_PARSE_DATETIME
  [43, 400], // ILLEGAL_TYPE_OF_ARGUMENT
  [46, 404], // UNKNOWN_FUNCTION
  [47, 404], // UNKNOWN_IDENTIFIER
  [48, 501], // NOT_IMPLEMENTED
  [53, 400], // TYPE_MISMATCH
  [60, 404], // UNKNOWN_TABLE
  [62, 400], // SYNTAX_ERROR
  [72, 400], // CANNOT_PARSE_NUMBER
  [73, 404], // UNKNOWN_FORMAT
  [81, 404], // UNKNOWN_DATABASE
  [115, 404], // UNKNOWN_SETTING
  [117, 400], // INCORRECT_DATA
  [130, 400], // CANNOT_READ_ARRAY_FROM_TEXT
  [159, 408], // TIMEOUT_EXCEEDED
  [164, 403], // READONLY
  [194, 401], // REQUIRED_PASSWORD
  [202, 503], // TOO_MANY_SIMULTANEOUS_QUERIES
  [223, 413], // QUERY_IS_TOO_LARGE
  [456, 400], // UNKNOWN_QUERY_PARAMETER
  [457, 400], // BAD_QUERY_PARAMETER
  [516, 403], // AUTHENTICATION_FAILED
]);

const ENGINE_MESSAGE = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)\s*\(([A-Z][A-Z0-9_]*)\)\s*$/;

/** The engine's own error as an exception; anything else becomes code 1002 (UNKNOWN_EXCEPTION). */
export function exceptionOf(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const text = error instanceof Error ? error.message : String(error);
  const [, code, reason, type] = ENGINE_MESSAGE.exec(text) ?? [];
  if (code === undefined || reason === undefined || type === undefined) {
    return new ClickHouseException(1002, 'UNKNOWN_EXCEPTION', text, { cause: error });
  }
  return new ClickHouseException(Number(code), type, reason, { cause: error });
}
