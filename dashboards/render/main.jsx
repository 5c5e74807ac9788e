// One dashboard, drawn from its JSON: frames from Prometheus, Grafana's own processing and components.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, standardEditorsRegistry, standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import plots from 'uplot/dist/uPlot.min.css';
import { initPluginTranslations } from '@grafana/i18n';

import { annotations, frames } from './data.js';
import { drawings } from './drawings.jsx';

const CELL = 30;
const GAP = 8;
const WIDTH = 1600;
const HEAD = 64;

standardEditorsRegistry.setInit(() => []);
standardFieldConfigEditorRegistry.setInit(() => []);
standardTransformersRegistry.setInit(() =>
  ['joinByFieldTransformer', 'filterFieldsByNameTransformer', 'organizeFieldsTransformer'].map((name) => {
    const transformation = standardTransformers[name];
    return { id: transformation.id, name: transformation.name, transformation: async () => transformation };
  }),
);

const search = new URLSearchParams(window.location.search);
const theme = createTheme({ colors: { mode: search.get('mode') } });
const range = { from: +search.get('from'), to: +search.get('to') };

// Where a panel stands, in pixels.
function place({ x, y, w, h }) {
  const column = (WIDTH - GAP) / 24;
  return { left: GAP + x * column, top: HEAD + y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP };
}

function Panel({ panel, data, events }) {
  const { left, top, width, height } = place(panel.gridPos);
  const Drawing = drawings[panel.type];
  if (!Drawing) throw new Error(`nothing draws a ${panel.type}`);
  return (
    <div style={{ position: 'absolute', left, top, width, height }}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(w, h) => <Drawing panel={panel} data={data} events={events} width={w} height={h} theme={theme} range={range} />}
      </PanelChrome>
    </div>
  );
}

function Row({ panel }) {
  const box = place(panel.gridPos);
  return <div style={{ position: 'absolute', ...box, ...theme.typography.h5, lineHeight: `${box.height}px` }}>⌄ {panel.title}</div>;
}

function Head({ dashboard }) {
  const chip = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: '4px 8px', marginLeft: 8 };
  const shown = dashboard.templating.list.filter((variable) => variable.hide !== 2);
  const value = (variable) => (variable.type === 'datasource' ? 'Prometheus' : variable.current.text);
  return (
    <div style={{ display: 'flex', alignItems: 'center', height: HEAD, padding: `0 ${GAP}px` }}>
      <span style={{ ...theme.typography.h3, margin: 0, flex: 1 }}>{dashboard.title}</span>
      {shown.map((variable) => (
        <span key={variable.name} style={chip}>
          <span style={{ color: theme.colors.text.secondary }}>{variable.label}</span> {value(variable)}
        </span>
      ))}
    </div>
  );
}

async function draw() {
  await initPluginTranslations('gaoler');
  const dashboard = await (await fetch(`/dashboards/${search.get('dashboard')}`)).json();
  const events = await annotations(dashboard, range);
  const panels = await Promise.all(
    dashboard.panels.map(async (panel) => [panel, panel.type === 'row' ? [] : await frames(panel, range, place(panel.gridPos).width, theme)]),
  );
  const empty = panels.filter(([panel, data]) => panel.type !== 'row' && data.length === 0).map(([panel]) => panel.title);
  await fetch('/told', { method: 'POST', body: JSON.stringify({ dashboard: dashboard.uid, empty }) });
  document.body.style.background = theme.colors.background.canvas;
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
    <style>{plots}</style>
    <div style={{ width: WIDTH, color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily }}>
      <GlobalStyles />
      <Head dashboard={dashboard} />
      {panels.map(([panel, data]) =>
        panel.type === 'row' ? <Row key={panel.id} panel={panel} /> : <Panel key={panel.id} panel={panel} data={data} events={events} />,
      )}
    </div>
    </ThemeContext.Provider>,
  );
}

const tell = (error) => fetch('/told', { method: 'POST', body: JSON.stringify({ error: String(error?.stack ?? error) }) });
window.addEventListener('error', (event) => tell(event.error ?? event.message));
draw().catch(tell);
