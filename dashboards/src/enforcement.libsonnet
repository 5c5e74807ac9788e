// Is what is banned enforced, how fast, and how does the firewall bear it?

local g = import 'grafana.libsonnet';

local bans = 'gaoler_ban_enforcement_duration_seconds';
local calls = 'gaoler_enforcement_operation_duration_seconds';
// A second, as text 0.0.4 and as OpenMetrics write it.
local second = 'le=~"1|1\\\\.0"';

local now = g.row('Now', [
  g.stat(
    'Firewalls not ready',
    'Firewalls that do not do what gaoler asks: absent, silent, broken, in panic mode. Alert: GaolerFirewallUnavailable.',
    g.query('count(gaoler_enforcement_up{$hosts,backend!="none"} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
  ),
  g.stat(
    'Bans missing',
    'Bans that should be in force and are not, where a firewall enforces them. Alert: GaolerBansNotEnforced.',
    g.query('sum((gaoler_bans_desired{$jails} - gaoler_bans_enforced{$jails}) and on (job, instance) gaoler_enforcement_up{$hosts,backend!="none"}) or vector(0)'),
    thresholds=g.noneIsGood,
  ),
  g.stat(
    'Orders waiting',
    'Orders that the firewall has not yet carried out.',
    g.query('sum(gaoler_enforcement_pending{$hosts})'),
  ),
  g.stat(
    'Within a second',
    'The part of the bans in the time shown that were in force within a second; the objective is 99 of 100. Alert: GaolerEnforcementSlow.',
    g.instant('sum(increase(%s_bucket{$jails,%s}[$__range])) / sum(increase(%s_count{$jails}[$__range]))' % [bans, second, bans]),
    unit='percentunit',
    thresholds=g.objective,
    decimals=2,
  ) { fieldConfig+: { defaults+: { noValue: 'no ban' } } },
  g.stat(
    'Median',
    'Of the bans in the time shown, half were in force within this.',
    g.instant('histogram_quantile(0.5, sum by (le) (increase(%s_bucket{$jails}[$__range])))' % bans),
    unit='s',
    thresholds=g.latency,
  ) { fieldConfig+: { defaults+: { noValue: 'no ban' } } },
  g.stat(
    'Slowest hundredth',
    'Of the bans in the time shown, 99 of 100 were in force within this.',
    g.instant('histogram_quantile(0.99, sum by (le) (increase(%s_bucket{$jails}[$__range])))' % bans),
    unit='s',
    thresholds=g.latency,
  ) { fieldConfig+: { defaults+: { noValue: 'no ban' } } },
]);

local latency = g.row('How fast', [
  g.heatmap(
    'From the deciding record to the ban in force',
    'From the reading of the record that decided a ban to the ban seen in the firewall. A dot is a ban with a trace: click it, and on to the log lines.',
    g.buckets(bans, '$jails'),
  ),
  g.lines(
    'Bans: median and slowest hundredth, by backend',
    'The line at one second is the objective for 99 of 100.',
    [
      g.query('histogram_quantile(0.5, sum by (le, backend) (rate(%s_bucket{$jails}[$__rate_interval])))' % bans, '{{backend}} median', true),
      g.query('histogram_quantile(0.99, sum by (le, backend) (rate(%s_bucket{$jails}[$__rate_interval])))' % bans, '{{backend}} 99 of 100', true),
    ],
    unit='s',
    thresholds=g.latency,
  ),
  g.lines(
    'Calls: slowest hundredth, by operation',
    'How long the firewall takes for one call. Rising with the number of bans: too many rules for firewalld.',
    [g.query('histogram_quantile(0.99, sum by (le, operation) (rate(%s_bucket{$hosts}[$__rate_interval])))' % calls, '{{operation}}')],
    unit='s',
  ),
]);

local trust = g.row('Is it enforced?', [
  g.lines(
    'Bans due and in force',
    'The two should be one line. Alerts: GaolerBansNotEnforced, GaolerNothingEnforced.',
    [
      g.query('sum by (family) (gaoler_bans_desired{$jails})', 'due, {{family}}'),
      g.query('sum by (family) (gaoler_bans_enforced{$jails})', 'in force, {{family}}'),
    ],
  ),
  g.bars(
    'Drift',
    'Rules found missing and put back, and rules that nobody asked for and were removed. Alert: GaolerDriftPersists.',
    [g.query('sum by (instance, kind) (increase(gaoler_drift_total{$hosts}[$__interval]))', '{{instance}} {{kind}}')],
  ),
  g.states(
    'Firewalls',
    'Whether each firewall does what it is asked. Alert: GaolerFirewallUnavailable.',
    g.query('gaoler_enforcement_up{$hosts,backend!="none"}', '{{instance}} {{backend}}'),
    { '0': ['not ready', 'red'], '1': ['ready', 'green'] },
  ),
  g.lines(
    'Since the last comparison',
    'How long ago rules wanted and rules in place were last compared; it happens every minute. Alert: GaolerReconcileStale.',
    [g.query('time() - (gaoler_reconcile_last_success_timestamp_seconds{$hosts} > 0)', '{{instance}}')],
    unit='s',
    thresholds=g.steps([[null, 'green'], [300, 'red']]),
  ),
]);

local firewall = g.row('How the firewall bears it', [
  g.lines(
    'Calls, by operation',
    'Calls to the firewall a second.',
    [g.query('sum by (operation) (rate(gaoler_enforcement_operations_total{$hosts}[$__rate_interval])) > 0', '{{operation}}')],
    unit='cps',
  ),
  g.bars(
    'Calls that failed',
    'Calls that ended in an error, or without an answer in time (unknown). Alert: GaolerFirewallErrors.',
    [g.query('sum by (operation, outcome) (increase(gaoler_enforcement_operations_total{$hosts,outcome!="ok"}[$__interval])) > 0', '{{operation}} {{outcome}}')],
  ),
  g.gauge(
    'Capacity',
    'Rules in place, as a part of what the backend takes at most: the fullest host. Alert: GaolerCapacityNear.',
    g.query('max(gaoler_enforcement_capacity_ratio{$hosts})'),
    g.capacity,
  ),
  g.lines(
    'Capacity used',
    'Rules in place, as a part of what the backend takes at most. Past that, bans are refused. Alerts: GaolerCapacityNear, GaolerBansRefused.',
    [g.query('gaoler_enforcement_capacity_ratio{$hosts}', '{{instance}} {{backend}}')],
    unit='percentunit',
    w=8,
    thresholds=g.capacity,
    max=1,
  ),
  g.lines(
    'Orders waiting, by host',
    'Orders that the firewall has not yet carried out. A peak that goes down is a burst; a plateau is a firewall that does not answer.',
    [g.query('gaoler_enforcement_pending{$hosts}', '{{instance}} {{backend}}')],
    w=12,
  ),
  g.bars(
    'Bans refused for want of room',
    'Bans that the firewall had no room for, or will never take. Alert: GaolerBansRefused.',
    [g.query('sum by (instance, jail) (increase(gaoler_bans_withheld_total{$jails,reason="capacity"}[$__interval]))', '{{instance}} {{jail}}')],
    w=12,
  ),
  g.bargauge(
    'Jails that are not provisioned',
    'Jails whose bans take rich rules, since no set is provisioned for their ports. Alert: GaolerJailUnprovisioned.',
    g.instant('sum by (jail) (gaoler_enforcement_unprovisioned{$jails})', '{{jail}}'),
    thresholds=g.fewAreGood,
    w=12,
  ),
  g.bars(
    'Connections cut',
    'Live connections of banned addresses that were closed (sockets of the host, flows that it forwards), and times that they could not be.',
    [
      g.query('sum by (jail, kind) (increase(gaoler_connections_cut_total{$jails}[$__interval]))', '{{jail}} {{kind}}'),
      g.query('sum by (reason) (increase(gaoler_cut_errors_total{$hosts}[$__interval])) > 0', 'could not: {{reason}}'),
    ],
    w=12,
  ),
  g.states(
    'What else a ban stops',
    'Besides new connections to the host: whether a ban stops connections that are established already, what the host forwards, and ports that it publishes for containers.',
    g.query('gaoler_enforcement_covers{$hosts}', '{{instance}} {{traffic}}'),
    { '0': ['passes', 'orange'], '1': ['stopped', 'green'] },
    w=12,
  ),
]);

g.dashboard(
  'Enforcement',
  'gaoler-enforcement',
  'Is what is banned enforced, how fast, and how does the firewall bear it?',
  [now, latency, trust, firewall],
)
