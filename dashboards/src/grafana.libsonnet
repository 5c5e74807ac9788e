// What Grafana wants of a dashboard (the classic model, schemaVersion 41), so that the dashboards
// themselves say only what is particular to them.
//
// In queries, `$hosts` stands for the matchers of the chosen hosts, `$jails` for those of the chosen
// hosts and jails.

local hosts = 'job=~"$job",instance=~"$instance"';
local jails = hosts + ',jail=~"$jail"';
local expand(query) = std.strReplace(std.strReplace(query, '$hosts', hosts), '$jails', jails);

local datasource = { type: 'prometheus', uid: '${datasource}' };

// The steps of a threshold: from each value on, its colour.
local steps(pairs) = {
  mode: 'absolute',
  steps: [{ value: p[0], color: p[1] } for p in pairs],
};

{
  // --- queries -------------------------------------------------------------------------------------

  // A range of values over time.
  query(expr, legend='', exemplar=false):: {
    datasource: datasource,
    editorMode: 'code',
    exemplar: exemplar,
    expr: expand(expr),
    legendFormat: legend,
    range: true,
  },

  // The values now.
  instant(expr, legend=''):: self.query(expr, legend) + { instant: true, range: false },

  // The values now, as rows.
  rows(expr):: self.instant(expr) + { format: 'table' },

  // The buckets of a histogram, with the traces that fell into them.
  buckets(metric, selector, by=''):: self.query(
    'sum by (le%s) (increase(%s_bucket{%s}[$__interval]))' % [by, metric, selector], '{{le}}', true
  ) + { format: 'heatmap', interval: '1m' },

  // --- what may be wrong, in colours ---------------------------------------------------------------

  plain: steps([[null, 'blue']]),
  noneIsGood: steps([[null, 'green'], [1, 'red']]),
  fewAreGood: steps([[null, 'green'], [1, 'orange']]),
  oneIsGood: steps([[null, 'red'], [1, 'green']]),
  // As `GaolerCapacityNear` has it.
  capacity: steps([[null, 'green'], [0.6, 'orange'], [0.8, 'red']]),
  // As `GaolerEnforcementSlow` has it: the objective is one second.
  latency: steps([[null, 'green'], [0.1, 'orange'], [1, 'red']]),
  objective: steps([[null, 'red'], [0.9, 'orange'], [0.99, 'green']]),
  steps: steps,

  // --- panels --------------------------------------------------------------------------------------

  local panel(type, title, description, targets, unit, w, h) = {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    targets: [
      targets[i] { refId: std.char(std.codepoint('A') + i) }
      for i in std.range(0, std.length(targets) - 1)
    ],
    fieldConfig: { defaults: { unit: unit, noValue: '0' }, overrides: [] },
    gridPos: { w: w, h: h },
  },

  // One number, with its course behind it.
  stat(title, description, query, unit='short', thresholds=self.plain, w=4, decimals=null, mappings=[])::
    panel('stat', title, description, [query], unit, w, 4) {
      fieldConfig+: {
        defaults+: { thresholds: thresholds, color: { mode: 'thresholds' }, mappings: mappings }
                   + (if decimals == null then {} else { decimals: decimals }),
      },
      options: {
        colorMode: 'value',
        graphMode: 'area',
        justifyMode: 'auto',
        orientation: 'auto',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        textMode: 'auto',
        wideLayout: true,
      },
    },

  // Values over time, as lines.
  lines(title, description, queries, unit='short', w=12, h=8, thresholds=null, min=0, max=null)::
    panel('timeseries', title, description, queries, unit, w, h) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'palette-classic' },
          custom: {
            drawStyle: 'line',
            fillOpacity: 10,
            lineWidth: 1,
            showPoints: 'never',
            spanNulls: false,
            stacking: { group: 'A', mode: 'none' },
            thresholdsStyle: { mode: if thresholds == null then 'off' else 'line' },
          },
          thresholds: if thresholds == null then $.plain else thresholds,
          min: min,
        } + (if max == null then {} else { max: max }),
      },
      options: {
        legend: {
          calcs: ['lastNotNull', 'max'],
          displayMode: 'table',
          placement: 'bottom',
          showLegend: true,
          // What is most comes first: there is room for three or four.
          sortBy: 'Max',
          sortDesc: true,
        },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // Counts over time, as bars upon each other. Their queries count within `$__interval`: each bar what
  // came since the one before, so that they add up.
  bars(title, description, queries, unit='short', w=12, h=8)::
    self.lines(title, description, [q { interval: '1m' } for q in queries], unit, w, h) {
      fieldConfig+: {
        defaults+: {
          custom+: { drawStyle: 'bars', fillOpacity: 80, lineWidth: 0, stacking: { group: 'A', mode: 'normal' } },
          decimals: 0,
        },
      },
      options+: { legend+: { calcs: ['sum'], sortBy: 'Total' } },
    },

  // Whether things were well, over time.
  states(title, description, query, words, w=12, h=8)::
    panel('state-timeline', title, description, [query], 'short', w, h) {
      fieldConfig+: {
        defaults+: {
          color: { mode: 'thresholds' },
          custom: { fillOpacity: 80, lineWidth: 0 },
          thresholds: $.oneIsGood,
          mappings: [$.words(words)],
          noValue: '-',
        },
      },
      options: {
        alignValue: 'center',
        legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
        mergeValues: true,
        rowHeight: 0.8,
        showValue: 'auto',
        tooltip: { mode: 'single', sort: 'none' },
      },
    },

  // How a duration is distributed, over time; a dot is a trace.
  heatmap(title, description, query, w=24, h=9)::
    panel('heatmap', title, description, [query], 's', w, h) {
      options: {
        calculate: false,
        cellGap: 1,
        cellValues: { unit: 'short' },
        color: { exponent: 0.5, mode: 'scheme', scale: 'exponential', scheme: 'Oranges', steps: 64 },
        exemplars: { color: 'rgba(31,120,193,0.9)' },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        tooltip: { mode: 'single', yHistogram: true },
        yAxis: { axisPlacement: 'left', reverse: false, unit: 's' },
      },
    },

  // Values beside each other.
  bargauge(title, description, query, unit='locale', thresholds=self.plain, w=12, h=8)::
    panel('bargauge', title, description, [query], unit, w, h) {
      fieldConfig+: { defaults+: { thresholds: thresholds, color: { mode: 'thresholds' }, min: 0, decimals: 0 } },
      options: {
        displayMode: 'basic',
        orientation: 'horizontal',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        showUnfilled: true,
        valueMode: 'color',
        sizing: 'auto',
        namePlacement: 'auto',
      },
    },

  // A part of a whole.
  gauge(title, description, query, thresholds, w=4, h=8)::
    panel('gauge', title, description, [query], 'percentunit', w, h) {
      fieldConfig+: {
        defaults+: { thresholds: thresholds, color: { mode: 'thresholds' }, min: 0, max: 1 },
      },
      options: {
        orientation: 'auto',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        showThresholdLabels: false,
        showThresholdMarkers: true,
      },
    },

  // Rows: the values of several queries, joined by one label. A column is [title, query] and its
  // field's configuration, if any.
  table(title, description, by, columns, w=24, h=8)::
    local letter(i) = std.char(std.codepoint('A') + i);
    panel('table', title, description, [self.rows(c[1]) for c in columns], 'short', w, h) {
      fieldConfig+: {
        defaults+: { custom: { align: 'auto', cellOptions: { type: 'auto' } }, thresholds: $.plain, noValue: '-' },
        overrides: [
          {
            matcher: { id: 'byName', options: columns[i][0] },
            properties: [{ id: p, value: columns[i][2][p] } for p in std.objectFields(columns[i][2])],
          }
          for i in std.range(0, std.length(columns) - 1)
          if std.length(columns[i]) > 2
        ],
      },
      options: { cellHeight: 'sm', showHeader: true, footer: { show: false, reducer: ['sum'], countRows: false, fields: '' } },
      transformations: [
        { id: 'joinByField', options: { byField: by, mode: 'outer' } },
        { id: 'filterFieldsByName', options: { include: { pattern: '^(%s|%s)$' % [
          by,
          if std.length(columns) == 1 then 'Value' else 'Value #.*',
        ] } } },
        { id: 'organize', options: {
          renameByName: if std.length(columns) == 1 then { Value: columns[0][0] } else {
            ['Value #' + letter(i)]: columns[i][0]
            for i in std.range(0, std.length(columns) - 1)
          },
        } },
      ],
    },

  // What a value is called, and its colour.
  words(of):: {
    type: 'value',
    options: {
      [v]: { text: of[v][0], color: of[v][1], index: std.parseInt(v) }
      for v in std.objectFields(of)
    },
  },
  link(title, dashboard, variables):: {
    title: title,
    url: '/d/%s?${datasource:queryparam}&${job:queryparam}&%s&${__url_time_range}' % [dashboard, variables],
  },

  // --- dashboards ----------------------------------------------------------------------------------

  row(title, panels):: { title: title, panels: panels },

  // Rows below each other; their panels beside each other, as far as there is room.
  local laid(rows) =
    local place(state, panel) =
      local wraps = state.x + panel.gridPos.w > 24;
      local x = if wraps then 0 else state.x;
      local y = if wraps then state.below else state.y;
      {
        x: x + panel.gridPos.w,
        y: y,
        below: std.max(if wraps then 0 else state.below, y + panel.gridPos.h),
        panels: state.panels + [panel { id: std.length(state.panels) + 1, gridPos+: { x: x, y: y } }],
      };
    local header(state, row) = {
      x: 0,
      y: state.below + 1,
      below: state.below + 1,
      panels: state.panels + [{
        type: 'row',
        id: std.length(state.panels) + 1,
        title: row.title,
        collapsed: false,
        panels: [],
        gridPos: { x: 0, y: state.below, w: 24, h: 1 },
      }],
    };
    local all = std.foldl(
      function(state, row) std.foldl(place, row.panels, header(state, row)),
      rows,
      { x: 0, y: 0, below: 0, panels: [] },
    );
    all.panels,

  local choice(name, label, values) = {
    name: name,
    label: label,
    type: 'query',
    datasource: datasource,
    definition: values,
    query: { qryType: 1, query: values, refId: name },
    allValue: '.+',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    hide: 0,
    includeAll: true,
    multi: true,
    options: [],
    refresh: 2,
    regex: '',
    skipUrlSync: false,
    sort: 1,
  },

  local source(name, label, type, hide) = {
    name: name,
    label: label,
    type: 'datasource',
    query: type,
    current: {},
    hide: hide,
    includeAll: false,
    multi: false,
    options: [],
    refresh: 1,
    regex: '',
    skipUrlSync: false,
  },

  local event(name, colour, query, title, text, enable=true) = {
    name: name,
    datasource: datasource,
    enable: enable,
    expr: expand(query),
    hide: false,
    iconColor: colour,
    step: '30s',
    tagKeys: 'instance',
    textFormat: text,
    titleFormat: title,
    useValueForTime: false,
  },

  // What means something in a URL, but for the braces of variables.
  local encoded(text) = std.foldl(
    function(text, pair) std.strReplace(text, pair[0], pair[1]),
    [['%', '%25'], ['&', '%26'], ['=', '%3D'], ['"', '%22'], [' ', '%20'], ['+', '%2B'], ['#', '%23']],
    text,
  ),

  // Opens Explore on the data source that a variable names.
  local explore(title, icon, variable, query) = {
    type: 'link',
    title: title,
    tooltip: title + ', in Explore',
    icon: icon,
    url: '/explore?schemaVersion=1&panes=' + encoded(std.manifestJsonMinified({
      a: {
        datasource: '${%s}' % variable,
        queries: [{ refId: 'A', datasource: { uid: '${%s}' % variable } } + query],
        range: { from: '${__from}', to: '${__to}' },
      },
    })),
    asDropdown: false,
    includeVars: false,
    keepTime: false,
    tags: [],
    targetBlank: true,
  },

  dashboard(title, uid, description, rows, jails=true):: {
    title: 'gaoler / ' + title,
    uid: uid,
    id: null,
    description: description,
    tags: ['gaoler-mixin'],
    schemaVersion: 41,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timepicker: {},
    timezone: 'browser',
    weekStart: '',
    fiscalYearStartMonth: 0,
    liveNow: false,
    preload: false,
    annotations: {
      list: [
        {
          name: 'Annotations & Alerts',
          builtIn: 1,
          datasource: { type: 'grafana', uid: '-- Grafana --' },
          enable: true,
          hide: true,
          iconColor: 'rgba(0, 211, 255, 1)',
          type: 'dashboard',
        },
        event(
          'Reloads',
          'blue',
          'changes(gaoler_config_last_reload_success_timestamp_seconds{$hosts}[$__rate_interval]) > 0',
          'configuration read',
          'gaoler on {{instance}} has read its configuration.',
        ),
        event(
          'Drift',
          'orange',
          'increase(gaoler_drift_total{$hosts}[$__rate_interval]) > 0',
          'drift: {{kind}}',
          'The firewall of {{instance}} was not as gaoler had left it, and has been put right.',
        ),
        event(
          'Alerts',
          'red',
          'ALERTS{alertname=~"Gaoler.+",alertstate="firing",$hosts}',
          '{{alertname}}',
          '{{alertname}} fires for {{instance}}.',
          false,
        ),
      ],
    },
    links: [
      {
        type: 'dashboards',
        title: 'gaoler',
        tooltip: 'The other dashboards, for the same hosts and time',
        tags: ['gaoler-mixin'],
        icon: 'external link',
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        url: '',
      },
      explore('Traces of bans', 'info', 'traces', {
        queryType: 'traceql',
        query: '{ resource.service.name = "gaoler" && name = "ban" }',
      }),
      explore('Log', 'doc', 'logs', { expr: '{service_name="gaoler"}' }),
    ],
    templating: {
      list: [
        source('datasource', 'Data source', 'prometheus', 0),
        choice('job', 'Job', 'label_values(gaoler_build_info, job)'),
        choice('instance', 'Host', 'label_values(gaoler_build_info{job=~"$job"}, instance)'),
      ] + (if jails then [
             choice('jail', 'Jail', 'label_values(gaoler_jail_maxretry{' + hosts + '}, jail)'),
           ] else []) + [
        source('traces', 'Traces', 'tempo', 2),
        source('logs', 'Log', 'loki', 2),
      ],
    },
    panels: laid(rows),
  },
}
