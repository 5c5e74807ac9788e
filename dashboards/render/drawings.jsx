// What draws each kind of panel: Grafana's component where its packages have one. They have none
// for gauges, heatmaps and state timelines, and their table does not run by itself: these are drawn here.
import React from 'react';
import { getFieldDisplayName, getFieldDisplayValues, getValueFormat, formattedValueToString } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries } from '@grafana/ui';

function reduced({ panel, data, theme }) {
  return getFieldDisplayValues({
    data,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    sparkline: panel.options.graphMode === 'area',
    theme,
    timeZone: 'utc',
  });
}

function Stat(props) {
  const { panel, width, height, theme } = props;
  const [first] = reduced(props);
  const display = { ...first.display, title: undefined };
  return <BigValue {...panel.options} value={display} sparkline={first.sparkline} theme={theme} width={width} height={height} />;
}

// Three quarters of a circle.
function Gauge(props) {
  const { width, height, theme } = props;
  const [{ display }] = reduced(props);
  const radius = Math.min(width, height) / 2 - 12;
  const length = 2 * Math.PI * radius;
  const arc = (share, color) => (
    <circle r={radius} fill="none" stroke={color} strokeWidth={16} strokeDasharray={`${length * 0.75 * share} ${length}`} transform="rotate(135)" />
  );
  return (
    <svg width={width} height={height} viewBox={`${-width / 2} ${-height / 2} ${width} ${height}`}>
      {arc(1, theme.colors.background.secondary)}
      {arc(Math.min(1, display.percent ?? 0), display.color)}
      <text textAnchor="middle" dominantBaseline="middle" fontSize={radius / 2.5} fontWeight={500} fill={display.color}>{`${display.text}${display.suffix ?? ''}`}</text>
    </svg>
  );
}

function Bars(props) {
  const { panel, width, height, theme } = props;
  const values = reduced(props);
  const each = Math.min(56, height / values.length);
  return values.map((value, i) => (
    <BarGauge key={i} {...panel.options} value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor?.(value.colIndex)} theme={theme} width={width} height={each - 6} itemSpacing={6} />
  ));
}

// Reloads and drift, as lines from top to bottom.
function mark(builder, events, theme) {
  builder.addHook('draw', (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.setLineDash([4, 3]);
    for (const { at, color } of events) {
      const x = Math.round(plot.valToPos(at, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = theme.visualization.getColorByName(color);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  });
}

const Nothing = ({ height }) => <div style={{ height, display: 'grid', placeItems: 'center', opacity: 0.6 }}>No data</div>;

function Lines({ panel, data, events, width, height, theme, range }) {
  if (!data.length) return <Nothing height={height} />;
  const times = { from: { valueOf: () => range.from * 1000 }, to: { valueOf: () => range.to * 1000 } };
  return (
    <TimeSeries frames={data} timeRange={times} timeZone="utc" width={width} height={height} legend={{ ...panel.options.legend, isVisible: true }} options={panel.options}>
      {(builder) => {
        mark(builder, events, theme);
        return null;
      }}
    </TimeSeries>
  );
}

function Rows({ data, width, height, theme }) {
  if (!data.length) return <Nothing height={height} />;
  const [frame] = data;
  const line = { borderBottom: `1px solid ${theme.colors.border.weak}`, padding: '6px 8px', textAlign: 'left', overflow: 'hidden' };
  const shown = (field, value) => (value == null ? { text: field.config.noValue } : field.display(value));
  // Coloured where the panel says so, as Grafana's cells of text and of background.
  const cell = (field, value) => {
    const { text, suffix, prefix, color } = shown(field, value);
    const kind = field.config.custom.cellOptions?.type;
    const dress = kind === 'color-background' ? { background: color, color: theme.colors.getContrastText(color) } : kind === 'color-text' ? { color } : {};
    return { text: `${prefix ?? ''}${text}${suffix ?? ''}`, dress };
  };
  return (
    <table style={{ width, borderCollapse: 'collapse' }}>
      <thead>
        <tr>{frame.fields.map((field) => <th key={field.name} style={{ ...line, color: theme.colors.primary.text, fontWeight: 500 }}>{getFieldDisplayName(field, frame)}</th>)}</tr>
      </thead>
      <tbody>
        {Array.from({ length: frame.length }, (_, i) => (
          <tr key={i}>
            {frame.fields.map((field) => {
              const { text, dress } = cell(field, field.values[i]);
              return <td key={field.name} style={{ ...line, ...dress }}>{text}</td>;
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const clock = (milliseconds) => new Date(milliseconds).toISOString().slice(11, 16);

// Minutes along the bottom.
function Times({ range, left, width, y, theme }) {
  const every = [60, 120, 300, 600, 1800, 3600].find((seconds) => ((range.to - range.from) / seconds) * 70 < width) ?? 7200;
  const ticks = [];
  for (let at = Math.ceil(range.from / every) * every; at <= range.to; at += every) ticks.push(at);
  return ticks.map((at) => (
    <text key={at} x={left + ((at - range.from) / (range.to - range.from)) * width} y={y} fill={theme.colors.text.primary} fontSize={12} textAnchor="middle">
      {clock(at * 1000)}
    </text>
  ));
}

function States({ data, width, height, theme, range }) {
  if (!data.length) return <Nothing height={height} />;
  const names = data.map((frame) => getFieldDisplayName(frame.fields[1], frame, data));
  const left = Math.min(width / 1.6, 12 + 7.2 * Math.max(...names.map((name) => name.length)));
  const each = (height - 20) / data.length;
  const x = (at) => left + ((at / 1000 - range.from) / (range.to - range.from)) * (width - left);
  return (
    <svg width={width} height={height}>
      {data.map((frame, row) => {
        const [time, value] = frame.fields;
        const pieces = [];
        for (let i = 0; i < frame.length; i++) {
          const last = pieces.at(-1);
          const start = time.values[i];
          const end = start + time.config.interval;
          if (last && last.value === value.values[i] && start <= last.end) last.end = end;
          else pieces.push({ value: value.values[i], start, end });
        }
        const middle = (row + 0.5) * each;
        return (
          <g key={row}>
            <text x={left - 8} y={middle} dominantBaseline="middle" textAnchor="end" fontSize={12} fill={theme.colors.text.primary}>{names[row]}</text>
            {pieces.map(({ value: state, start, end }) => {
              const { text, color } = value.display(state);
              const [from, to] = [Math.max(x(start), left), Math.min(x(end), width)];
              return (
                <g key={start}>
                  <rect x={from} y={middle - each * 0.4} width={Math.max(1, to - from)} height={each * 0.8} fill={color} fillOpacity={0.8} />
                  {to - from > 60 && <text x={(from + to) / 2} y={middle} dominantBaseline="middle" textAnchor="middle" fontSize={12} fill={theme.colors.getContrastText(color)}>{text}</text>}
                </g>
              );
            })}
          </g>
        );
      })}
      <Times range={range} left={left} width={width - left} y={height - 4} theme={theme} />
    </svg>
  );
}

const mixed = (from, to, share) => `rgb(${from.map((part, i) => Math.round(part + (to[i] - part) * share)).join(',')})`;

function Heatmap({ data, width, height, theme, range }) {
  if (!data.length) return <Nothing height={height} />;
  const bound = (frame) => (frame.fields[1].labels.le === '+Inf' ? Infinity : +frame.fields[1].labels.le);
  const buckets = [...data].sort((a, b) => bound(a) - bound(b));
  const interval = data[0].fields[0].config.interval;
  // Buckets are cumulative: what fell into each is what it has more than the one below.
  const cells = buckets.map((frame, i) => {
    const below = new Map(i ? buckets[i - 1].fields[0].values.map((at, k) => [at, buckets[i - 1].fields[1].values[k]]) : []);
    return frame.fields[0].values.map((at, k) => ({ at, count: frame.fields[1].values[k] - (below.get(at) ?? 0) }));
  });
  const most = Math.max(1, ...cells.flat().map((cell) => cell.count));
  const left = 64;
  const each = (height - 20) / buckets.length;
  const x = (at) => left + ((at / 1000 - range.from) / (range.to - range.from)) * (width - left);
  const unit = (value) => (value === Infinity ? '+Inf' : formattedValueToString(getValueFormat('s')(value)));
  const row = (value) => buckets.findIndex((frame) => value <= bound(frame));
  const dots = data.flatMap((frame) => frame.exemplars ?? []);
  return (
    <svg width={width} height={height}>
      {buckets.map((frame, i) => {
        const top = height - 20 - (i + 1) * each;
        return (
          <g key={i}>
            <text x={left - 6} y={top + each / 2} dominantBaseline="middle" textAnchor="end" fontSize={11} fill={theme.colors.text.primary}>{unit(bound(frame))}</text>
            {cells[i].filter((cell) => cell.count > 0.01).map((cell) => {
              const [from, to] = [Math.max(left, x(cell.at - interval)), Math.min(width, x(cell.at))];
              return <rect key={cell.at} x={from} y={top} width={Math.max(0, to - from - 1)} height={each - 1} fill={mixed([253, 208, 162], [166, 54, 3], Math.sqrt(cell.count / most))} />;
            })}
          </g>
        );
      })}
      {dots.filter((dot) => row(dot.value) >= 0 && x(dot.at * 1000) >= left).map((dot, i) => (
        <rect key={i} x={-3} y={-3} width={6} height={6} transform={`translate(${x(dot.at * 1000)} ${height - 20 - (row(dot.value) + 0.5) * each}) rotate(45)`} fill="rgb(31,120,193)" stroke="white" strokeWidth={0.5} />
      ))}
      <Times range={range} left={left} width={width - left} y={height - 4} theme={theme} />
    </svg>
  );
}

export const drawings = {
  bargauge: Bars,
  gauge: Gauge,
  heatmap: Heatmap,
  stat: Stat,
  'state-timeline': States,
  table: Rows,
  timeseries: Lines,
};
