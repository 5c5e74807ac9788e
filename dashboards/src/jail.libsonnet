// One jail, or some: what it sees, what it makes of it, and how fast.

local g = import 'grafana.libsonnet';

local per(metric, by) =
  'sum by (%s) (increase(%s{$jails}[$__interval]))' % [by, metric];
local quantile(q, metric) =
  'histogram_quantile(%s, sum by (le) (rate(%s_bucket{$jails}[$__rate_interval])))' % [q, metric];

local now = g.row('Now', [
  g.stat(
    'Failures',
    'Failures a second that counted against their address.',
    g.query('sum(rate(gaoler_failures_total{$jails}[$__rate_interval]))'),
    unit='cps',
    decimals=2,
  ),
  g.stat(
    'Addresses with failures',
    'Addresses that have failed within findtime and are not banned.',
    g.query('sum(gaoler_tracked_addresses{$jails})'),
  ),
  g.stat(
    'Bans due',
    'Bans that should be in force.',
    g.query('sum(gaoler_bans_desired{$jails})'),
  ),
  g.stat(
    'Bans in force',
    'Bans that the firewall was last seen to have.',
    g.query('sum(gaoler_bans_enforced{$jails})'),
  ),
  g.stat(
    'Withheld in this time',
    'Bans that were due and did not begin, within the time shown.',
    g.instant('sum(increase(gaoler_bans_withheld_total{$jails}[$__range]))'),
    thresholds=g.fewAreGood,
    decimals=0,
  ),
  g.stat(
    'Breakers open',
    'Jails that have banned too many too fast, and only watch until gaoler resume. Alert: GaolerBreakerOpen.',
    g.query('sum(gaoler_breaker_open{$jails})'),
    thresholds=g.noneIsGood,
  ),
  g.table(
    'Settings',
    'What the jails are set to. Where hosts differ, the largest of each.',
    'jail',
    [
      ['maxretry', 'max by (jail) (gaoler_jail_maxretry{$jails})'],
      ['findtime', 'max by (jail) (gaoler_jail_findtime_seconds{$jails})', { unit: 'dtdurations' }],
      ['bantime (infinite: permanent)', 'max by (jail) (gaoler_jail_bantime_seconds{$jails})', { unit: 'dtdurations' }],
      ['hosts', 'count by (jail) (gaoler_jail_maxretry{$jails})'],
    ],
    h=6,
  ),
]);

local seen = g.row('What it sees', [
  g.lines(
    'What becomes of what matches',
    'Records that a pattern matched, a second: failures that counted, that were ignored, and that were too old. Mostly too old: a wrong clock or time zone. Alert: GaolerFailuresStale.',
    [
      g.query('sum(rate(gaoler_failures_total{$jails}[$__rate_interval]))', 'counted'),
      g.query('sum by (reason) (rate(gaoler_ignored_total{$jails}[$__rate_interval]))', 'ignored: {{reason}}'),
      g.query('sum(rate(gaoler_stale_total{$jails}[$__rate_interval]))', 'too old'),
    ],
    unit='cps',
  ),
  g.bars(
    'Matches, by pattern',
    'Which failregex matched how often; from 0, in the order of the filter. A pattern that matches for the first time after an update is worth a look.',
    [g.query(per('gaoler_filter_matches_total', 'jail, pattern'), '{{jail}} pattern {{pattern}}')],
  ),
  g.lines(
    'Addresses with failures, by jail',
    'Addresses that have failed within findtime and are not banned. Alert: GaolerDistributedAttack.',
    [g.query('sum by (jail) (gaoler_tracked_addresses{$jails})', '{{jail}}')],
  ),
  g.bars(
    'Dates that cannot be read',
    'Failures without a readable date; they count at the time of reading. Alert: GaolerDatesUnreadable.',
    [g.query(per('gaoler_filter_date_errors_total', 'jail'), '{{jail}}')],
  ),
  g.bars(
    "Records that used up a regex's steps",
    'Records at which a regex that backtracks gave up: nobody knows whether they are failures. Alert: GaolerFilterBudgetExceeded.',
    [g.query(per('gaoler_filter_budget_exceeded_total', 'jail, regex'), '{{jail}} {{regex}}')],
  ),
]);

local done = g.row('What it does', [
  g.bars(
    'Bans, by origin',
    'Bans that began: detected by the jail, or given by hand. Alert: GaolerBanSurge.',
    [g.query(per('gaoler_bans_total', 'jail, origin'), '{{jail}} {{origin}}')],
  ),
  g.bars(
    'Bans that ended, by reason',
    'Why bans ended.',
    [g.query(per('gaoler_unbans_total', 'jail, reason'), '{{jail}} {{reason}}')],
  ),
  g.lines(
    'Bans due and in force',
    'The two should be one line. Alerts: GaolerBansNotEnforced, GaolerNothingEnforced.',
    [
      g.query('sum by (family) (gaoler_bans_desired{$jails})', 'due, {{family}}'),
      g.query('sum by (family) (gaoler_bans_enforced{$jails})', 'in force, {{family}}'),
    ],
  ),
  g.bars(
    'Bans withheld, by reason',
    'Bans that were due and did not begin: no room, a dry run, an allow list, a guard, an open breaker. Alert: GaolerBansRefused.',
    [g.query(per('gaoler_bans_withheld_total', 'jail, reason'), '{{jail}} {{reason}}')],
  ),
  g.lines(
    'Packets dropped',
    'Packets of banned addresses that the firewall dropped, a second. Only the nftables backend counts them.',
    [g.query('sum by (jail, family) (rate(gaoler_dropped_packets_total{$jails}[$__rate_interval]))', '{{jail}} {{family}}')],
    unit='pps',
  ),
  g.lines(
    'Bytes dropped',
    'Bytes of banned addresses that the firewall dropped, a second. Only the nftables backend counts them.',
    [g.query('sum by (jail, family) (rate(gaoler_dropped_bytes_total{$jails}[$__rate_interval]))', '{{jail}} {{family}}')],
    unit='Bps',
  ),
]);

local fast = g.row('How fast', [
  g.heatmap(
    'From the deciding record to the ban in force',
    'From the reading of the record that decided a ban to the ban seen in the firewall. A dot is a ban with a trace: click it.',
    g.buckets('gaoler_ban_enforcement_duration_seconds', '$jails'),
    w=12,
  ),
  g.heatmap(
    'From the record written to the record read',
    'Only of records whose stamp is finer than a second, and only while there is no backlog.',
    g.buckets('gaoler_detection_delay_seconds', '$jails'),
    w=12,
  ),
  g.lines(
    'Ban enforcement: median and slowest hundredth',
    'The objective is one second for 99 of 100 bans. Alert: GaolerEnforcementSlow.',
    [
      g.query(quantile('0.5', 'gaoler_ban_enforcement_duration_seconds'), 'median', true),
      g.query(quantile('0.99', 'gaoler_ban_enforcement_duration_seconds'), '99 of 100 are faster', true),
    ],
    unit='s',
    thresholds=g.latency,
  ),
  g.lines(
    'Detection delay: median and slowest hundredth',
    'How long a record lay in the log before it was read.',
    [
      g.query(quantile('0.5', 'gaoler_detection_delay_seconds'), 'median'),
      g.query(quantile('0.99', 'gaoler_detection_delay_seconds'), '99 of 100 are faster'),
    ],
    unit='s',
  ),
]);

g.dashboard(
  'Jail',
  'gaoler-jail',
  'One jail, or some: what it sees, what it makes of it, and how fast.',
  [now, seen, done, fast],
)
