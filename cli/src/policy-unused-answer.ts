import type { Witness } from '@dotline/model/edge';
import { describeCaller } from '@dotline/policies/finding';
import type { Judgement, UnusedReport } from '@dotline/policies/unused-edges';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { table } from './format.js';
import { counted } from './policy-diff-words.js';

const HOUR_MS = 3_600_000;
/** Hours without any record that are no reason to doubt: the current one, and a short stop. */
const SILENT_HOURS_MAX = 2;

/** `dotline policy unused`: 1 when there is something that is old enough and was not used. */
export function policyUnusedAnswer(report: UnusedReport): Answer {
  const unused = unusedCount(report);
  const young = youngCount(report);
  const summary =
    unused === 0
      ? colours.green('everything that is old enough to judge is used')
      : colours.yellow(`${counted(unused, 'thing is', 'things are')} allowed and unused`);
  return {
    text: [
      ...historyLines(report),
      ...section('edges without traffic', edgeRows(report), EDGE_HEAD),
      ...section('needs that nobody grants', needRows(report), IDLE_HEAD),
      ...section('grants that nobody needs', grantRows(report), IDLE_HEAD),
      summary + (young === 0 ? '' : `; ${young} too young to judge`),
      ...(unused === 0 ? [] : ['dotline policy prune makes a branch without them']),
    ].join('\n'),
    value: { unused, tooYoung: young, ...report },
    exitCode: unused === 0 ? ExitCode.ok : ExitCode.no,
  };
}

/** What to know of the records before believing what was made of them. */
export function historyLines(report: UnusedReport): string[] {
  const { fromMs, untilMs, historyIsWhole } = report;
  const sinceMs = judgedFromMs(report);
  return [
    `traffic from ${timeText(sinceMs)} to ${timeText(untilMs)}`,
    ...(historyIsWhole
      ? []
      : [
          colours.yellow(
            `records begin only at ${timeText(sinceMs)}, after the start of the window (${timeText(fromMs)}): everything is judged by ${spanText(untilMs - sinceMs)} instead of ${spanText(untilMs - fromMs)}`,
          ),
        ]),
    ...silenceLines(report).map(colours.yellow),
  ];
}

/** Says how much of the time nothing at all was recorded, when that is more than a short stop. */
export function silenceLines(report: UnusedReport): string[] {
  const hours = Math.ceil((report.untilMs - judgedFromMs(report)) / HOUR_MS);
  const silent = hours - report.hoursRecorded;
  return silent <= SILENT_HOURS_MAX
    ? []
    : [
        `${silent} of ${hours} hours have no record at all: the mesh stood still, or its telemetry was lost`,
      ];
}

function judgedFromMs({ fromMs, untilMs, historySinceMs, historyIsWhole }: UnusedReport): number {
  return historyIsWhole ? fromMs : (historySinceMs ?? untilMs);
}

/** Operations, needs and grants that were judged unused. */
export function unusedCount(report: UnusedReport): number {
  return countOf(report, 'unused');
}

function youngCount(report: UnusedReport): number {
  return countOf(report, 'too-young');
}

function countOf({ edges, needs, grants }: UnusedReport, judgement: Judgement): number {
  const all = [...edges.flatMap(({ operations }) => operations), ...needs, ...grants];
  return all.filter((each) => each.judgement === judgement).length;
}

const EDGE_HEAD = ['edge', 'operation', 'requests', 'last seen', 'since', 'need', 'grant', 'teams'];
const IDLE_HEAD = ['what', 'rule', 'owner', 'since', ''];

function edgeRows({ edges }: UnusedReport): string[][] {
  return edges.flatMap(({ caller, callee, callerTeam, calleeTeam, whole, operations, requests }) =>
    operations.map(({ operation, need, grant, judgement, lastSeenMs, sinceMs }) => [
      `${caller} → ${callee}${whole ? '' : ` (${requests} by its other operations)`}`,
      operation,
      judgement === 'unused' ? '0' : '0, too young to judge',
      dayText(lastSeenMs, 'never'),
      dayText(sinceMs, 'unknown'),
      placeOf(need),
      placeOf(grant),
      callerTeam === calleeTeam ? callerTeam : `${callerTeam}, ${calleeTeam}`,
    ]),
  );
}

function needRows({ needs }: UnusedReport): string[][] {
  return needs.map(({ relation: { service, operation, witness }, judgement, sinceMs }) => [
    `${service} needs ${operation}`,
    ...idleCells(witness, judgement, sinceMs),
  ]);
}

function grantRows({ grants }: UnusedReport): string[][] {
  return grants.map(({ relation: { operation, caller, witness }, judgement, sinceMs }) => [
    `${operation} to ${describeCaller(caller)}`,
    ...idleCells(witness, judgement, sinceMs),
  ]);
}

function idleCells(witness: Witness, judgement: Judgement, sinceMs: number | null): string[] {
  const young = judgement === 'too-young' ? 'too young to judge' : '';
  return [placeOf(witness), witness.team, dayText(sinceMs, 'not committed'), young];
}

function section(title: string, rows: readonly string[][], head: readonly string[]): string[] {
  return rows.length === 0
    ? []
    : ['', `${colours.bold(title)} (${rows.length})`, table(head, rows), ''];
}

function placeOf({ file, line }: Witness): string {
  return `${file}:${line}`;
}

function dayText(atMs: number | null, never: string): string {
  return atMs === null ? never : new Date(atMs).toISOString().slice(0, 10);
}

function timeText(atMs: number): string {
  const text = new Date(atMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

/** Such as `2 days`; below two days in hours. */
function spanText(spanMs: number): string {
  const hours = Math.round(spanMs / HOUR_MS);
  return hours < 48 ? counted(hours, 'hour', 'hours') : `${Math.round(hours / 24)} days`;
}
