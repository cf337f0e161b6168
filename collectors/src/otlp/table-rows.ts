import { ACCESS_LOG_COLUMNS } from './access-log-row.js';
import { LOG_COLUMNS } from './log-row.js';
import { METRIC_POINT_COLUMNS } from './metric-point-rows.js';
import { REQUEST_DECISION_COLUMNS } from './request-decision-row.js';
import { SHADOW_VERDICT_COLUMNS } from './shadow-verdict-row.js';
import { SPAN_COLUMNS } from './span-row.js';

/** Tables that telemetry goes into, with the columns of their lines. */
export const TABLE_COLUMNS = {
  access_log: ACCESS_LOG_COLUMNS,
  shadow_verdicts: SHADOW_VERDICT_COLUMNS,
  logs: LOG_COLUMNS,
  spans: SPAN_COLUMNS,
  metric_points: METRIC_POINT_COLUMNS,
  request_decisions: REQUEST_DECISION_COLUMNS,
} as const;

/** A table that telemetry goes into. */
export type TableName = keyof typeof TABLE_COLUMNS;

/** Lines for one table, in TabSeparated. */
export interface TableRows {
  readonly table: TableName;
  readonly rows: number;
  readonly text: string;
}
