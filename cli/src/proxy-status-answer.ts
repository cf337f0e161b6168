import type {
  RejectionView,
  SidecarDetail,
  SidecarsView,
  SidecarTypeView,
} from '@dotline/topology-ui/api';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { age } from './duration.js';
import { ExitCode } from './exit-code.js';
import { revisionLine, shortened, table } from './format.js';
import { resourceName, typeName } from './resource-type.js';

const VERSION_LENGTH = 8;

const PAINT: Readonly<Record<SidecarTypeView['state'], (text: string) => string>> = {
  synced: colours.green,
  stale: colours.yellow,
  'not-sent': colours.yellow,
  error: colours.red,
};

/** `dotline proxy status`: 0 only when every sidecar is connected and synced on the live revision. */
export function proxyStatusAnswer(view: SidecarsView): Answer {
  const { sidecars } = view;
  const synced = sidecars.filter(isSynced);
  const lines = [
    view.revision === null ? colours.red('no revision is live yet') : revisionLine(view.revision),
    `${synced.length} of ${sidecars.length} sidecars are synced on it`,
    '',
    statusTable(view),
    ...sidecars.flatMap(({ instance, rejections }) =>
      rejections.flatMap((rejection) => rejectionLines(instance, rejection, view.atMs)),
    ),
  ];
  const isAll = view.revision !== null && sidecars.length > 0 && synced.length === sidecars.length;
  return { text: lines.join('\n'), value: view, exitCode: isAll ? ExitCode.ok : ExitCode.no };
}

/** The same of one sidecar, with a row for each resource type. */
export function oneProxyStatusAnswer(view: SidecarsView): Answer {
  const [sidecar] = view.sidecars;
  const all = proxyStatusAnswer(view);
  if (sidecar === undefined) return all;
  const rows = sidecar.types.map((type) => [
    typeName(type.typeUrl),
    stateOf(type),
    short(type.sentVersion),
    age(type.sentAtMs, view.atMs),
    short(type.ackedVersion),
    age(type.ackedAtMs, view.atMs),
  ]);
  const lines = [
    ...(view.revision === null ? [] : [revisionLine(view.revision)]),
    `${sidecar.instance} of ${sidecar.service} in ${sidecar.cell}: ${connection(sidecar, view.atMs)}, ` +
      `holds ${sidecar.revision === null ? 'no revision' : `revision ${sidecar.revision}`}`,
    '',
    table(['type', 'state', 'to have', 'sent', 'uses', 'acked'], rows),
    ...sidecar.rejections.flatMap((rejection) =>
      rejectionLines(sidecar.instance, rejection, view.atMs),
    ),
  ];
  return { ...all, text: lines.join('\n') };
}

/** What a sidecar refuses, in which revision, and where the rule stands. */
export function rejectionLines(
  instance: string,
  { typeUrl, resource, revision, atMs, detail, rules }: RejectionView,
  nowMs: number,
): string[] {
  const [rule, ...others] = rules;
  return [
    '',
    colours.red(
      `${instance} refuses ${resourceName(typeUrl, resource)} of revision ${revision ?? 'unknown'} since ${age(atMs, nowMs)}; it goes on with the version before`,
    ),
    `  ${shortened(detail)}`,
    rule === undefined
      ? '  it comes from no rule of a team'
      : `  from ${rule.file}:${rule.line} of team ${rule.team}: ${rule.operation} of ${rule.edge}`,
    ...(others.length === 0
      ? []
      : [`  or from ${others.map(({ file, line }) => `${file}:${line}`).join(', ')}`]),
  ];
}

function statusTable({ sidecars, atMs }: SidecarsView): string {
  const present = new Set(sidecars.flatMap(({ types }) => types.map(({ typeUrl }) => typeUrl)));
  const types = [...present].sort();
  const head = ['sidecar', 'service', 'cell', 'connected', 'revision', ...types.map(typeName)];
  const rows = sidecars.map((sidecar) => [
    sidecar.instance,
    sidecar.service,
    sidecar.cell,
    connection(sidecar, atMs),
    sidecar.holdsLiveRevision ? colours.green('live') : colours.yellow(sidecar.revision ?? 'none'),
    ...types.map((typeUrl) => {
      const type = sidecar.types.find((each) => each.typeUrl === typeUrl);
      return type === undefined ? '-' : typeCell(type, atMs);
    }),
  ]);
  return table(head, rows);
}

/** State, the version in use, the version that it is to have when that is another, and for how long. */
function typeCell(type: SidecarTypeView, nowMs: number): string {
  const { sentVersion, ackedVersion, sentAtMs, ackedAtMs } = type;
  const isSame = sentVersion === ackedVersion;
  const versions = isSame ? short(ackedVersion) : `${short(ackedVersion)}→${short(sentVersion)}`;
  return `${stateOf(type)} ${versions} ${age(isSame ? ackedAtMs : sentAtMs, nowMs)}`;
}

function stateOf({ state }: SidecarTypeView): string {
  return PAINT[state](state);
}

function connection({ connected, seenAtMs }: SidecarDetail, nowMs: number): string {
  if (connected) return 'yes';
  return colours.red(seenAtMs === null ? 'never' : `no, since ${age(seenAtMs, nowMs)}`);
}

function isSynced({ connected, holdsLiveRevision, types }: SidecarDetail): boolean {
  return connected && holdsLiveRevision && types.every(({ state }) => state === 'synced');
}

function short(version: string | null): string {
  return version === null ? '-' : version.slice(0, VERSION_LENGTH);
}
