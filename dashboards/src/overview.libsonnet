// A fleet at a glance: who is there, is everything enforced, what is going on.

local g = import 'grafana.libsonnet';

// Bans that somebody enforces; with `backend: none` they stand on paper.
local enforcing = 'and on (job, instance) gaoler_enforcement_up{$hosts,backend!="none"}';

local now = g.row('Now', [
  g.stat(
    'Hosts that answer',
    'Hosts whose gaoler answered the last scrape. Alert: GaolerDown.',
    g.query('sum(up{$hosts})'),
    thresholds=g.oneIsGood,
    w=3,
  ),
  g.stat(
    'Hosts that do not',
    'Hosts whose gaoler did not answer the last scrape. Alert: GaolerDown.',
    g.query('count(up{$hosts} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
    w=3,
  ),
  g.stat(
    'Firewalls not ready',
    'Firewalls that do not do what gaoler asks: bans are decided and wait. Alert: GaolerFirewallUnavailable.',
    g.query('count(gaoler_enforcement_up{$hosts,backend!="none"} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
    w=3,
  ),
  g.stat(
    'Logs unreadable',
    'Sources that are missing or unreadable: their jails see nothing. Alert: GaolerSourceDown.',
    g.query('count(gaoler_source_up{$hosts} == 0) or vector(0)'),
    thresholds=g.noneIsGood,
    w=3,
  ),
  g.stat(
    'Bans in force',
    'Bans that the firewalls have been seen to have.',
    g.query('sum(gaoler_bans_enforced{$jails})'),
    w=3,
  ),
  g.stat(
    'Bans missing',
    'Bans that should be in force and are not, where a firewall enforces them. Alerts: GaolerBansNotEnforced, GaolerNothingEnforced.',
    g.query('sum((gaoler_bans_desired{$jails} - gaoler_bans_enforced{$jails}) %s) or vector(0)' % enforcing),
    thresholds=g.noneIsGood,
    w=3,
  ),
  g.stat(
    'Bans in this time',
    'Bans that began within the time shown.',
    g.instant('sum(increase(gaoler_bans_total{$jails}[$__range]))'),
    decimals=0,
    w=3,
  ),
  g.stat(
    'Alerts',
    'Alerts about gaoler that fire now.',
    g.query('count(ALERTS{alertname=~"Gaoler.+",alertstate="firing",$hosts}) or vector(0)'),
    thresholds=g.fewAreGood,
    w=3,
  ),
]);

local hosts = g.row('Hosts', [
  g.table(
    'Hosts',
    'One row a host, as it is now. A click on the name shows its enforcement.',
    'instance',
    [
      ['Answers', 'sum by (instance) (up{$hosts})', {
        mappings: [g.words({ '0': ['no', 'red'], '1': ['yes', 'green'] })],
        'custom.cellOptions': { type: 'color-text' },
        color: { mode: 'thresholds' },
        thresholds: g.oneIsGood,
      }],
      ['Firewall', 'min by (instance) (gaoler_enforcement_up{$hosts})', {
        mappings: [g.words({ '0': ['not ready', 'red'], '1': ['ready', 'green'] })],
        'custom.cellOptions': { type: 'color-text' },
        color: { mode: 'thresholds' },
        thresholds: g.oneIsGood,
      }],
      ['Logs unreadable', 'count by (instance) (gaoler_source_up{$hosts}) - sum by (instance) (gaoler_source_up{$hosts})', {
        'custom.cellOptions': { type: 'color-text' },
        color: { mode: 'thresholds' },
        thresholds: g.noneIsGood,
      }],
      ['Failures', 'sum by (instance) (rate(gaoler_failures_total{$jails}[$__rate_interval]))', { unit: 'cps', decimals: 2 }],
      ['Bans due', 'sum by (instance) (gaoler_bans_desired{$jails})'],
      ['Bans in force', 'sum by (instance) (gaoler_bans_enforced{$jails})'],
      ['Capacity used', 'max by (instance) (gaoler_enforcement_capacity_ratio{$hosts})', {
        unit: 'percentunit',
        'custom.cellOptions': { type: 'gauge', mode: 'basic' },
        color: { mode: 'thresholds' },
        thresholds: g.capacity,
        min: 0,
        max: 1,
      }],
      ['Drift in an hour', 'sum by (instance) (increase(gaoler_drift_total{$hosts}[1h]))', { decimals: 0 }],
      ['Up since', 'max by (instance) (process_start_time_seconds{$hosts}) * 1000', { unit: 'dateTimeFromNow' }],
    ],
  ) {
    fieldConfig+: {
      overrides+: [{
        matcher: { id: 'byName', options: 'instance' },
        properties: [
          { id: 'displayName', value: 'Host' },
          { id: 'links', value: [g.link('Enforcement', 'gaoler-enforcement', 'var-instance=${__value.raw}')] },
        ],
      }],
    },
  },
]);

local attacks = g.row('Attacks', [
  g.lines(
    'Failures, by jail',
    'Failures a second that counted against their address.',
    [g.query('sum by (jail) (rate(gaoler_failures_total{$jails}[$__rate_interval]))', '{{jail}}')],
    unit='cps',
  ),
  g.bars(
    'Bans, by jail',
    'Bans that began, whoever decided.',
    [g.query('sum by (jail) (increase(gaoler_bans_total{$jails}[$__interval]))', '{{jail}}')],
  ),
  g.lines(
    'Bans in force, by jail',
    'Bans that the firewalls were last seen to have.',
    [g.query('sum by (jail) (gaoler_bans_enforced{$jails})', '{{jail}}')],
  ),
  g.lines(
    'Addresses with failures, by jail',
    'Addresses that have failed within findtime and are not banned. Many of these and few bans: a distributed attack. Alert: GaolerDistributedAttack.',
    [g.query('sum by (jail) (gaoler_tracked_addresses{$jails})', '{{jail}}')],
  ),
  g.bargauge(
    'Where it comes down',
    'The ten hosts and jails with the most failures in the time shown. Which addresses: gaoler banned, on the host; an address is never a label.',
    g.instant('topk(10, sum by (instance, jail) (increase(gaoler_failures_total{$jails}[$__range])))', '{{instance}} {{jail}}'),
  ),
  g.bargauge(
    'What is tried',
    'The ten patterns of filters that matched most in the time shown; patterns are numbered from 0, in the order of the filter.',
    g.instant('topk(10, sum by (jail, pattern) (increase(gaoler_filter_matches_total{$jails}[$__range])))', '{{jail}} pattern {{pattern}}'),
  ),
]);

local trust = g.row('Can it be trusted?', [
  g.bars(
    'Drift',
    'Rules found missing and put back, and rules that nobody asked for and were removed. A reload of firewalld is one bar; again and again is somebody. Alert: GaolerDriftPersists.',
    [g.query('sum by (instance, kind) (increase(gaoler_drift_total{$hosts}[$__interval]))', '{{instance}} {{kind}}')],
  ),
  g.states(
    'Firewalls',
    'Whether each firewall does what it is asked. Alert: GaolerFirewallUnavailable.',
    g.query('gaoler_enforcement_up{$hosts,backend!="none"}', '{{instance}} {{backend}}'),
    { '0': ['not ready', 'red'], '1': ['ready', 'green'] },
  ),
  g.bargauge(
    'Silent logs',
    'How long ago the newest record of each source was written: the ten most silent. A quiet sshd is no alarm; where `expect_every` says how often a record comes, GaolerSourceSilent is.',
    g.instant(
      'topk(10, time() - (gaoler_source_last_record_timestamp_seconds{$hosts} > 0))', '{{instance}} {{source}}'
    ),
    unit='s',
  ),
  g.states(
    'Logs',
    'Whether each source can be read. Alert: GaolerSourceDown.',
    g.query('gaoler_source_up{$hosts}', '{{instance}} {{source}}'),
    { '0': ['unreadable', 'red'], '1': ['read', 'green'] },
  ),
]);

g.dashboard(
  'Overview',
  'gaoler-overview',
  'A fleet at a glance: which hosts, is everything enforced, what is going on.',
  [now, hosts, attacks, trust],
)
