import uPlot from 'uplot';
import type { TagView } from '../api/types';
import type { TrendColumns } from '../live/trend-buffer';
import { decimalsForStep, formatNumber } from './format';
import { shownUnit } from './units';

export const PEN_COUNT = 8;
const DAY_S = 86_400;
/** Scale of booleans: two ticks, no more. */
const SWITCH_SCALE = '0/1';
/** Dashes beside colours: pens must be told apart without colour. */
const DASHES: (number[] | undefined)[] = [undefined, [8, 4], [2, 3], [10, 3, 2, 3], undefined, [8, 4], [2, 3], [10, 3, 2, 3]];

export function penDash(index: number): number[] | undefined {
  return DASHES[index % PEN_COUNT];
}

/** Resolves custom properties (which may be `light-dark(…)`) to what a canvas understands. */
export function resolveColours(host: HTMLElement, names: string[]): string[] {
  const probe = document.createElement('span');
  host.append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}

function translucent(colour: string, alpha: number): string {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/** Tags with the same shown unit share a scale and an axis. */
export function scaleOf(tag: TagView): string {
  return shownUnit(tag) ?? (tag.data_type === 'boolean' ? SWITCH_SCALE : '–');
}

const pad = (value: number) => String(value).padStart(2, '0');

/** 24 h labels; the date stands below the first one and below each midnight. */
function timeLabels(splits: number[], step: number): string[] {
  let previousDay = '';
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
    const newDay = day !== previousDay;
    previousDay = day;
    if (step >= DAY_S) return day;
    const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}${step < 60 ? `:${pad(date.getSeconds())}` : ''}`;
    return newDay ? `${clock}\n${day}` : clock;
  });
}

export interface ChartOptions {
  host: HTMLElement;
  tags: TagView[];
  /** Pen number of each tag, which keeps its colour while others come and go. */
  pens: number[];
  width: number;
  height: number;
  narrow: boolean;
  showBands: boolean;
  onSelect(from: number, to: number): void;
  onBack(): void;
  onCursor(index: number | null): void;
}

export function createChart(options: ChartOptions): uPlot {
  const { host, tags, narrow } = options;
  const [text = '', line = ''] = resolveColours(host, ['--muted', '--line']);
  const penColours = resolveColours(host, options.pens.map((pen) => `--pen${(pen % PEN_COUNT) + 1}`));
  const font = `${narrow ? 11 : 12}px system-ui, sans-serif`;

  const units = [...new Set(tags.map(scaleOf))];
  const shownAxes = units.slice(0, narrow ? 2 : 4);
  const scales: uPlot.Scales = { x: { time: true, auto: false } };
  for (const unit of units) {
    const discrete = unit === SWITCH_SCALE;
    scales[unit] = {
      auto: true,
      range: (_self, low, high) => (discrete ? [-0.1, 1.1] : paddedRange(low, high)),
    };
  }

  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  tags.forEach((tag, index) => {
    const stepped = tag.data_type !== 'float';
    const paths = stepped ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
    const scale = scaleOf(tag);
    const colour = penColours[index] ?? text;
    const edge: uPlot.Series = { scale, width: 0, paths, points: { show: false }, spanGaps: false };
    series.push(
      {
        label: tag.name,
        scale,
        stroke: colour,
        width: 1.6,
        dash: penDash(options.pens[index]!),
        paths,
        points: { show: false },
        spanGaps: false,
      },
      edge,
      { ...edge },
    );
    if (options.showBands) bands.push({ series: [series.length - 1, series.length - 2], fill: translucent(colour, 0.22) });
  });

  const axisStyle = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 5 } };
  const axes: uPlot.Axis[] = [
    {
      ...axisStyle,
      space: narrow ? 74 : 86,
      size: narrow ? 40 : 44,
      values: (_self, splits, _axis, _space, step) => timeLabels(splits, step),
    },
    ...shownAxes.map((unit, index): uPlot.Axis => ({
      ...axisStyle,
      scale: unit,
      side: index % 2 === 0 ? 3 : 1,
      size: narrow ? 44 : 54,
      gap: 4,
      label: unit,
      labelSize: narrow ? 16 : 20,
      labelFont: font,
      grid: { ...axisStyle.grid, show: index === 0 },
      ...(unit === SWITCH_SCALE ? { splits: () => [0, 1] } : {}),
      values: (_self, splits) => {
        const decimals = decimalsForStep(splits.length > 1 ? splits[1]! - splits[0]! : 1);
        return splits.map((value) => formatNumber(value, decimals));
      },
    })),
  ];

  return new uPlot(
    {
      width: options.width,
      height: options.height,
      scales,
      series,
      bands,
      axes,
      legend: { show: false },
      padding: [10, shownAxes.length > 1 ? 0 : 12, 0, 0],
      cursor: {
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 6 },
        bind: {
          dblclick: () => () => {
            options.onBack();
            return null;
          },
        },
      },
      hooks: {
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            if (width < 4) return;
            const from = self.posToVal(left, 'x') * 1000;
            const to = self.posToVal(left + width, 'x') * 1000;
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            options.onSelect(from, to);
          },
        ],
        setCursor: [(self) => options.onCursor(self.cursor.idx ?? null)],
      },
    },
    [[], ...tags.flatMap(() => [[], [], []])] as unknown as uPlot.AlignedData,
    host,
  );
}

function paddedRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const span = high - low;
  const margin = span > 0 ? span * 0.08 : Math.max(Math.abs(high) * 0.02, 0.05);
  return [low - margin, high + margin];
}

/** Columns in the order of the chart's series. */
export function toChartData(columns: TrendColumns): uPlot.AlignedData {
  return [columns.t, ...columns.pens.flatMap((pen) => [pen.average, pen.low, pen.high])];
}
