// A panel's queries, answered by Prometheus, as Grafana's data frames.
import { applyFieldOverrides, FieldType, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

// As the Prometheus of the pictures is configured.
const SCRAPE = 5;

const custom = {
  axisPlacement: 'auto',
  barAlignment: 0,
  drawStyle: 'line',
  gradientMode: 'none',
  hideFrom: { legend: false, tooltip: false, viz: false },
  lineInterpolation: 'linear',
  pointSize: 5,
  scaleDistribution: { type: 'linear' },
};

// Whole minutes and the like, as Grafana rounds.
function step(range, width, least) {
  const wanted = (range.to - range.from) / width;
  const steps = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  return steps.find((seconds) => seconds >= Math.max(wanted, least)) ?? 3600;
}

const seconds = (text) => (text ? parseInt(text, 10) * { s: 1, m: 60, h: 3600 }[text.at(-1)] : 0);

function interpolated(expr, range, interval) {
  return expr
    .replaceAll('$__rate_interval', `${Math.max(interval + SCRAPE, 4 * SCRAPE)}s`)
    .replaceAll('$__interval', `${interval}s`)
    .replaceAll('$__range', `${Math.round(range.to - range.from)}s`)
    .replace(/"\$(job|instance|jail)"/g, '".+"');
}

async function ask(path, parameters) {
  const answer = await (await fetch(`/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== 'success') throw new Error(`${parameters.query}: ${answer.error}`);
  return answer.data.result ?? answer.data;
}

// No number is a gap, as Grafana has it.
const number = (text) => (text === 'NaN' ? null : +text);

const named = (template, labels) => template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');

function series(target, interval, result) {
  const points = result.values ?? [result.value];
  const name = target.legendFormat ? named(target.legendFormat, result.metric) : undefined;
  return {
    refId: target.refId,
    name,
    length: points.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: interval * 1000 }, values: points.map((point) => point[0] * 1000) },
      { name: 'Value', type: FieldType.number, labels: result.metric, config: { displayNameFromDS: name }, values: points.map((point) => number(point[1])) },
    ],
  };
}

function rows(target, name, results) {
  const labels = [...new Set(results.flatMap((result) => Object.keys(result.metric)))];
  return {
    refId: target.refId,
    length: results.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: results.map((result) => result.value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, config: {}, values: results.map((result) => result.metric[label] ?? '') })),
      { name, type: FieldType.number, config: {}, values: results.map((result) => +result.value[1]) },
    ],
  };
}

async function answered(panel, target, range, width) {
  const interval = step(range, width, Math.max(SCRAPE, seconds(target.interval)));
  const query = interpolated(target.expr, range, interval);
  if (target.format === 'table') {
    const name = panel.targets.length === 1 ? 'Value' : `Value #${target.refId}`;
    const results = await ask('query', { query, time: range.to });
    return results.length ? [rows(target, name, results)] : [];
  }
  if (target.instant) return (await ask('query', { query, time: range.to })).map((result) => series(target, interval, result));
  const [start, end] = [range.from, range.to].map((time) => Math.floor(time / interval) * interval);
  const found = (await ask('query_range', { query, start, end, step: interval })).map((result) => series(target, interval, result));
  if (target.format === 'heatmap' && found.length) found[0].exemplars = await exemplars(query, start, end);
  return found;
}

async function exemplars(query, start, end) {
  const found = await ask('query_exemplars', { query, start, end });
  return found.flatMap((one) => one.exemplars.map((exemplar) => ({ at: exemplar.timestamp, value: +exemplar.value })));
}

// Each field with its panel's configuration, overrides by name included.
function configured(frame, panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const fields = frame.fields.map((field) => {
    const own = field.type === FieldType.time && panel.type !== 'table' ? {} : structuredClone(defaults);
    const config = { ...own, ...field.config, custom: { ...custom, ...own.custom } };
    const name = config.displayName ?? field.name;
    for (const { matcher, properties } of overrides) {
      if (matcher.id !== 'byName') throw new Error(`overrides ${matcher.id}`);
      if (matcher.options !== name) continue;
      for (const { id, value } of properties) {
        if (id.startsWith('custom.')) config.custom[id.slice(7)] = value;
        else config[id] = value;
      }
    }
    return { ...field, config };
  });
  return { ...frame, fields };
}

// What a panel shows.
export async function frames(panel, range, width, theme) {
  let data = (await Promise.all(panel.targets.map((target) => answered(panel, target, range, width)))).flat();
  if (panel.transformations && data.length) {
    data = await firstValueFrom(transformDataFrame(panel.transformations, data, { interpolate: (text) => text }));
  }
  const dressed = data.map((frame) => configured(frame, panel));
  const shown = applyFieldOverrides({ data: dressed, fieldConfig: { defaults: {}, overrides: [] }, replaceVariables: (text) => text, theme, timeZone: 'utc' });
  return shown.map((frame, i) => Object.assign(frame, { exemplars: data[i].exemplars }));
}

// When what happened, in the colour of its annotation.
export async function annotations(dashboard, range) {
  const asked = dashboard.annotations.list.filter((annotation) => annotation.expr && annotation.enable);
  const told = asked.map(async ({ expr, iconColor, step: text }) => {
    const interval = seconds(text);
    const query = interpolated(expr, range, interval);
    const results = await ask('query_range', { query, start: range.from, end: range.to, step: interval });
    // Points in a row are one event.
    const starts = (values) => values.filter((value, i) => i === 0 || value[0] - values[i - 1][0] > interval);
    return results.flatMap((result) => starts(result.values).map((value) => ({ at: value[0] * 1000, color: iconColor })));
  });
  return (await Promise.all(told)).flat();
}
