import type { RevisionView, TrafficView } from '@dotline/topology-ui/api';
import Table from 'cli-table3';
import colours from 'picocolors';

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Aligned columns without lines, easy on the eye and on `awk`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = new Table({
    head: head.map((title) => colours.dim(title)),
    chars: PLAIN,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) cells.push([...row]);
  return cells.toString();
}

const WORDS_LENGTH_MAX = 300;

/** A sidecar's words without the middle: the start says which resource, the end what is wrong. */
export function shortened(words: string): string {
  const text = words.trim();
  const half = WORDS_LENGTH_MAX / 2;
  return text.length <= WORDS_LENGTH_MAX ? text : `${text.slice(0, half)} … ${text.slice(-half)}`;
}

export function rate(perSecond: number): string {
  return perSecond === 0
    ? '0/s'
    : `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
}

export function percent(share: number | null, digits = 1): string {
  return share === null ? '-' : `${(share * 100).toFixed(digits)} %`;
}

export function milliseconds(value: number | null): string {
  return value === null ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** The columns of live traffic, in the order of `TRAFFIC_HEAD`. */
export function trafficCells(traffic: TrafficView): string[] {
  return [
    rate(traffic.requestsPerSecond),
    percent(traffic.errorRate),
    milliseconds(traffic.p50Ms),
    milliseconds(traffic.p99Ms),
    rate(traffic.deniedPerSecond),
  ];
}

export const TRAFFIC_HEAD = ['requests', 'errors', 'p50', 'p99', 'denied'] as const;

export function revisionLine(revision: RevisionView): string {
  const commit =
    revision.commit === null ? 'not committed' : `commit ${revision.commit.slice(0, 10)}`;
  const enforced =
    revision.enforcedInMs === null
      ? 'not yet enforced everywhere'
      : `enforced everywhere in ${(revision.enforcedInMs / 1000).toFixed(1)} s`;
  return `revision ${revision.id} (${commit}), ${enforced}`;
}
