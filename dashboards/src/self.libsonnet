// gaoler itself: does it keep up, what does it cost, does it remember, does it tell?

local g = import 'grafana.libsonnet';

local bySource(metric) = 'sum by (instance, source) (rate(%s{$hosts}[$__rate_interval]))' % metric;

local now = g.row('Now', [
  g.stat(
    'Behind',
    'Sources that can be read and have records unread. For minutes: GaolerSourceStalled.',
    g.query('count(gaoler_source_caught_up{$hosts} == 0 and gaoler_source_up{$hosts} == 1) or vector(0)'),
    thresholds=g.fewAreGood,
  ),
  g.stat(
    'Largest',
    'Resident memory of the largest process.',
    g.query('max(process_resident_memory_bytes{$hosts})'),
    unit='bytes',
  ),
  g.stat(
    'Busiest',
    'Part of one processor that the busiest process takes.',
    g.query('max(rate(process_cpu_seconds_total{$hosts}[$__rate_interval]))'),
    unit='percentunit',
    decimals=1,
  ),
  g.stat(
    'State not stored',
    'Hosts whose state database takes no writes. Alert: GaolerStateStoreFailing.',
    g.query('count(gaoler_state_up{$hosts} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
  ),
  g.stat(
    'Volatile bans',
    'Bans in force that a restart would forget, since they are not stored yet. Alert: GaolerBansVolatile.',
    g.query('sum(gaoler_bans_volatile{$hosts})'),
    thresholds=g.fewAreGood,
  ),
  g.stat(
    'Configurations refused',
    'Hosts whose configuration on disk is not the one in force. Alert: GaolerReloadFailed.',
    g.query('count(gaoler_config_last_reload_successful{$hosts} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
  ),
  g.table(
    'Versions',
    'How many hosts run which version.',
    'version',
    [['hosts', 'count by (version) (gaoler_build_info{$hosts})']],
    w=8,
    h=6,
  ),
  g.table(
    'Starts',
    'When each was started, and when it last read its configuration. Alerts: GaolerRestarting, GaolerReloadFailed.',
    'instance',
    [
      ['started', 'max by (instance) (process_start_time_seconds{$hosts}) * 1000', { unit: 'dateTimeFromNow' }],
      ['configuration read', 'max by (instance) (gaoler_config_last_reload_success_timestamp_seconds{$hosts}) * 1000', { unit: 'dateTimeFromNow' }],
    ],
    w=16,
    h=6,
  ),
]);

local reading = g.row('Does it keep up?', [
  g.lines(
    'Records read',
    'Log lines, or journal entries, a second.',
    [g.query(bySource('gaoler_source_records_total'), '{{instance}} {{source}}')],
    unit='cps',
  ),
  g.lines(
    'Bytes read',
    'Bytes of log a second.',
    [g.query(bySource('gaoler_source_bytes_total'), '{{instance}} {{source}}')],
    unit='Bps',
  ),
  g.lines(
    'Backlog',
    'Bytes of files that are known to wait to be read. A journal cannot tell: see Sources.',
    [g.query('gaoler_source_backlog_bytes{$hosts}', '{{instance}} {{source}}')],
    unit='bytes',
  ),
  g.states(
    'Sources',
    'Whether all there is has been read. Alert: GaolerSourceStalled.',
    g.query('gaoler_source_caught_up{$hosts}', '{{instance}} {{source}}'),
    { '0': ['behind', 'orange'], '1': ['caught up', 'green'] },
  ),
  g.lines(
    'Since the newest record',
    'How long ago the newest record of each source was written, and how often its jail expects one at least (`expect_every`; 0: it may be quiet). Above that: GaolerSourceSilent.',
    [
      g.query('time() - (gaoler_source_last_record_timestamp_seconds{$hosts} > 0)', '{{instance}} {{source}}'),
      g.query('gaoler_source_expect_every_seconds{$hosts}', '{{instance}} {{source}}: expected'),
    ],
    unit='s',
  ),
  g.bars(
    'Lost, skipped, unreadable',
    'Times something of a source was lost, skipped or unreadable; and bytes of files that were gone before they could be read. Alert: GaolerSourceErrors.',
    [
      g.query('sum by (instance, source, reason) (increase(gaoler_source_errors_total{$hosts}[$__interval])) > 0', '{{instance}} {{source}}: {{reason}}'),
      g.query('sum by (instance, source) (increase(gaoler_source_lost_bytes_total{$hosts}[$__interval])) > 0', '{{instance}} {{source}}: bytes lost'),
    ],
  ),
  g.bars(
    'Dropped by journald',
    "Records that journald's rate limit dropped before anybody could read them. Alert: GaolerJournalDropsRecords.",
    [g.query('sum by (instance, source) (increase(gaoler_source_suppressed_records_total{$hosts}[$__interval]))', '{{instance}} {{source}}')],
  ),
  g.bars(
    'Rotations and readers opened anew',
    'Files rotated, each read to its last line; and readers that had to be opened again, and why.',
    [
      g.query('sum by (source, reason) (increase(gaoler_source_rotations_total{$hosts}[$__interval])) > 0', '{{source}} rotated: {{reason}}'),
      g.query('sum by (source, reason) (increase(gaoler_source_restarts_total{$hosts}[$__interval])) > 0', '{{source}} opened again: {{reason}}'),
    ],
    w=24,
  ),
]);

local cost = g.row('What does it cost?', [
  g.lines(
    'Processor',
    'Part of one processor.',
    [g.query('rate(process_cpu_seconds_total{$hosts}[$__rate_interval])', '{{instance}}')],
    unit='percentunit',
    w=8,
  ),
  g.lines(
    'Memory',
    'Resident memory.',
    [g.query('process_resident_memory_bytes{$hosts}', '{{instance}}')],
    unit='bytes',
    w=8,
  ),
  g.lines(
    'File descriptors',
    'Open file descriptors, as a part of what it may open.',
    [g.query('process_open_fds{$hosts} / process_max_fds{$hosts}', '{{instance}}')],
    unit='percentunit',
    w=8,
  ),
  g.lines(
    'Threads',
    'Threads of the process.',
    [g.query('process_threads{$hosts}', '{{instance}}')],
    w=8,
  ),
  g.lines(
    'Scrapes',
    'How long Prometheus takes to scrape each.',
    [g.query('scrape_duration_seconds{$hosts}', '{{instance}}')],
    unit='s',
    w=8,
  ),
  g.lines(
    'Series',
    'How many samples a scrape brings; bounded, since no address is ever a label.',
    [g.query('scrape_samples_scraped{$hosts}', '{{instance}}')],
    w=8,
  ),
  g.bars(
    'Series not shown',
    'Series of jails and sources that a reload brought and that are left out, since there would be too many.',
    [g.query('sum by (instance) (increase(gaoler_series_dropped_total{$hosts}[$__interval]))', '{{instance}}')],
    w=8,
  ),
]);

local told = g.row('Does it tell?', [
  g.bars(
    'Telemetry dropped',
    'Spans, events and samples that were due to a collector and never reached one. Bans do not wait for it. Alert: GaolerOtlpDropping.',
    [g.query('sum by (instance, signal) (increase(gaoler_otlp_dropped_total{$hosts}[$__interval]))', '{{instance}} {{signal}}')],
  ),
  g.bars(
    'Requests to the collector',
    'How many were taken, and how many were not and are tried again or dropped. None at all where nothing is pushed.',
    [g.query('sum by (instance, signal, outcome) (increase(gaoler_otlp_exports_total{$hosts}[$__interval])) > 0', '{{instance}} {{signal}}: {{outcome}}')],
  ),
]);

local state = g.row('Does it remember?', [
  g.heatmap(
    'Writes to the state database',
    'How long a transaction took. A ban waits for its own at most 50 ms, and goes on without it.',
    g.buckets('gaoler_state_write_duration_seconds', '$hosts'),
    w=12,
  ),
  g.lines(
    'Writes: median and slowest hundredth',
    'How long a transaction took.',
    [
      g.query('histogram_quantile(0.5, sum by (le) (rate(gaoler_state_write_duration_seconds_bucket{$hosts}[$__rate_interval])))', 'median'),
      g.query('histogram_quantile(0.99, sum by (le) (rate(gaoler_state_write_duration_seconds_bucket{$hosts}[$__rate_interval])))', '99 of 100 are faster'),
    ],
    unit='s',
    h=9,
  ),
  g.states(
    'State database',
    'Whether the last write succeeded. Alert: GaolerStateStoreFailing.',
    g.query('gaoler_state_up{$hosts}', '{{instance}}'),
    { '0': ['fails', 'red'], '1': ['works', 'green'] },
  ),
  g.lines(
    'Volatile bans, and bans restored',
    'Bans in force that are not stored yet; and bans of an earlier run that go on, at a start.',
    [
      g.query('sum by (instance) (gaoler_bans_volatile{$hosts})', '{{instance}} volatile'),
      g.query('sum by (instance) (increase(gaoler_bans_restored_total{$hosts}[$__rate_interval]))', '{{instance}} restored'),
    ],
  ),
  g.lines(
    'Damaged state databases',
    'State databases that were set aside, or gone, and bans taken up from the firewall since. Alert: GaolerStateDamaged.',
    [
      g.query('sum by (instance) (gaoler_state_damaged{$hosts})', '{{instance}} databases'),
      g.query('sum by (instance) (gaoler_bans_adopted{$hosts})', '{{instance}} bans'),
    ],
  ),
  g.lines(
    'Forgotten for want of room',
    'What went since memory is bounded: addresses furthest from a ban, records of failures, links of traces, what a failing state database could not take.',
    [
      g.query('sum by (instance) (rate(gaoler_addresses_forgotten_total{$hosts}[$__rate_interval]))', '{{instance}} addresses'),
      g.query('sum by (instance, what) (rate(gaoler_forgotten_total{$hosts}[$__rate_interval]))', '{{instance}} {{what}}'),
    ],
  ),
]);

g.dashboard(
  'Itself',
  'gaoler-self',
  'Does it keep up, what does it cost, does it remember, does it tell?',
  [now, reading, cost, state, told],
  jails=false,
)
