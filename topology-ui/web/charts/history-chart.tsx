import type { HistoryPoint } from '@dotline/topology-ui/api';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { inks } from '../graph/ink.js';
import { useStore } from '../live/store-context.js';
import type { Theme } from '../view-model/colour.js';
import { formatClock, formatMs, formatRate } from '../view-model/format.js';
import { dangerColours } from '../view-model/graph-elements.js';
import { historySeries } from './history-series.js';

interface ChartSpec {
  readonly title: string;
  readonly series: readonly {
    readonly name: string;
    readonly colour: string;
    readonly fill?: string;
    readonly dash?: number[];
  }[];
  readonly format: (value: number | null) => string;
}

const height = 118;
const font = '10px system-ui, "Liberation Sans", sans-serif';

/** Requests with errors, and latency, over the last 30 minutes. */
export function HistoryCharts({ history }: { readonly history: readonly HistoryPoint[] }) {
  const store = useStore();
  const theme = store.theme.value;
  const columns = historySeries(history);
  if (history.length === 0) return <p class="note muted">No traffic in the last 30 minutes.</p>;
  const accent = theme === 'light' ? '#2563c9' : '#6ea8ff';
  const second = theme === 'light' ? '#8a5a00' : '#e0b050';
  const danger = dangerColours[theme];
  const errors = { name: 'errors', colour: danger, fill: `${danger}55` };
  const denied = { name: 'denied', colour: danger, dash: [4, 3] };
  const someDenied = columns.denied.some((rate) => rate > 0);
  return (
    <>
      <Chart
        spec={{
          title: 'Requests per second, 30 minutes',
          format: (value) => formatRate(value ?? 0),
          series: [
            { name: 'requests', colour: accent, fill: `${accent}22` },
            errors,
            ...(someDenied ? [denied] : []),
          ],
        }}
        data={[
          columns.seconds,
          columns.requests,
          columns.errors,
          ...(someDenied ? [columns.denied] : []),
        ]}
        theme={theme}
      />
      <Chart
        spec={{
          title: 'Latency, 30 minutes',
          format: formatMs,
          series: [
            { name: 'p50', colour: accent },
            { name: 'p99', colour: second },
          ],
        }}
        data={[columns.seconds, columns.p50, columns.p99]}
        theme={theme}
      />
    </>
  );
}

interface ChartProps {
  readonly spec: ChartSpec;
  readonly data: readonly (readonly (number | null)[])[];
  readonly theme: Theme;
}

function Chart({ spec, data, theme }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const shape = `${theme} ${spec.series.map((series) => series.name).join()}`;
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const created = new uPlot(options(spec, theme, element.clientWidth), aligned(data), element);
    chart.current = created;
    const observer = new ResizeObserver(() =>
      created.setSize({ width: element.clientWidth, height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      chart.current = null;
    };
  }, [shape]);
  useEffect(() => {
    chart.current?.setData(aligned(data));
    if (chart.current !== null) showLatest(chart.current);
  }, [data]);
  return (
    <figure class="chart">
      <figcaption>{spec.title}</figcaption>
      <div ref={host} role="img" aria-label={describe(spec, data)} />
    </figure>
  );
}

function options(spec: ChartSpec, theme: Theme, width: number): uPlot.Options {
  const ink = inks[theme];
  const axis: uPlot.Axis = {
    stroke: ink.muted,
    font,
    grid: { stroke: ink.regionBorder, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [6, 18, 0, 0],
    cursor: { y: false, points: { size: 5 } },
    legend: { live: true },
    hooks: { ready: [showLatest], setCursor: [showLatest] },
    axes: [
      { ...axis, size: 20, space: 70, values: (_, ticks) => ticks.map(clockMinutes) },
      {
        ...axis,
        size: 50,
        space: 26,
        values: (_, ticks) => ticks.map((tick) => spec.format(tick)),
      },
    ],
    scales: { y: { range: (_, _low, high) => [0, Math.max(high * 1.08, 0.001)] } },
    series: [
      { label: 'at', value: (_, seconds) => (seconds === null ? '' : formatClock(seconds * 1000)) },
      ...spec.series.map(
        (series): uPlot.Series => ({
          label: series.name,
          stroke: series.colour,
          width: 1.4,
          points: { show: false },
          value: (_, value) => (value === null || value === undefined ? '–' : spec.format(value)),
          ...(series.fill === undefined ? {} : { fill: series.fill }),
          ...(series.dash === undefined ? {} : { dash: series.dash }),
        }),
      ),
    ],
  };
}

/** Without a pointer on the chart its legend shows the latest figures. */
function showLatest(chart: uPlot): void {
  if (chart.cursor.idx === null || chart.cursor.idx === undefined) {
    chart.setLegend({ idx: chart.data[0].length - 1 }, false);
  }
}

function aligned(data: ChartProps['data']): uPlot.AlignedData {
  const [seconds = [], ...columns] = data;
  return [seconds.map((value) => value ?? 0), ...columns.map((column) => [...column])];
}

function clockMinutes(seconds: number): string {
  return formatClock(seconds * 1000).slice(0, 5);
}

function describe(spec: ChartSpec, data: ChartProps['data']): string {
  const latest = spec.series.map((series, index) => {
    const last = data[index + 1]?.findLast((value) => value !== null) ?? null;
    return `${series.name} ${spec.format(last)}`;
  });
  return `${spec.title}; latest: ${latest.join(', ')}`;
}
