//! Queries held against the catalog, as pint does for Prometheus rules: what they select exists, with
//! these labels and these values, and counters are never read as they stand.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, ParenExpr, SubqueryExpr,
    UnaryExpr, VectorSelector, parse,
};

use crate::catalog::Metrics;

/// Functions that make something of a counter.
const OF_COUNTERS: [&str; 4] = ["rate", "increase", "irate", "resets"];

/// Functions to which it does not matter what kind of series it is.
const OF_ANY: [&str; 4] = ["absent", "absent_over_time", "changes", "count_over_time"];

/// Everything wrong with a query, a sentence each. `scrape` is how often series have a sample.
pub fn complaints(query: &str, metrics: &Metrics, scrape: Duration) -> Vec<String> {
    match parse(query) {
        Err(error) => vec![format!("does not parse: {error}")],
        Ok(expr) => {
            let mut reading = Reading { metrics, scrape, complaints: BTreeSet::new() };
            reading.expr(&expr, None);
            reading.complaints.into_iter().collect()
        }
    }
}

/// The names of all series a query selects.
pub fn names(query: &str) -> BTreeSet<String> {
    fn walk(expr: &Expr, names: &mut BTreeSet<String>) {
        match expr {
            Expr::VectorSelector(selector)
            | Expr::MatrixSelector(MatrixSelector { vs: selector, .. }) => {
                names.extend(selector.name.clone());
            }
            _ => children(expr).into_iter().for_each(|child| walk(child, names)),
        }
    }
    let mut names = BTreeSet::new();
    walk(&parse(query).unwrap_or_else(|error| panic!("{query}: {error}")), &mut names);
    names
}

/// Whether every selector of the query has exactly such a matcher.
pub fn selects_by(query: &str, label: &str, op: &str, value: &str) -> bool {
    fn walk(expr: &Expr, is: &impl Fn(&Matcher) -> bool) -> bool {
        match expr {
            Expr::VectorSelector(selector)
            | Expr::MatrixSelector(MatrixSelector { vs: selector, .. }) => {
                selector.matchers.matchers.iter().any(is)
            }
            _ => children(expr).into_iter().all(|child| walk(child, is)),
        }
    }
    let is = |matcher: &Matcher| {
        let said = matcher.op.to_string();
        matcher.name == label && said == op && matcher.value == value
    };
    parse(query).is_ok_and(|expr| walk(&expr, &is))
}

/// The parts of which an expression is made.
fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(AggregateExpr { expr, param, .. }) => {
            let param = param.as_deref();
            param.into_iter().chain([expr.as_ref()]).collect()
        }
        Expr::Unary(UnaryExpr { expr })
        | Expr::Paren(ParenExpr { expr })
        | Expr::Subquery(SubqueryExpr { expr, .. }) => vec![expr],
        Expr::Binary(BinaryExpr { lhs, rhs, .. }) => vec![lhs, rhs],
        Expr::Call(Call { args, .. }) => args.args.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

/// One query being read.
struct Reading<'a> {
    metrics: &'a Metrics,
    scrape: Duration,
    complaints: BTreeSet<String>,
}

impl Reading<'_> {
    fn complain(&mut self, what: String) {
        self.complaints.insert(what);
    }

    /// `function`: the one whose argument this is.
    fn expr(&mut self, expr: &Expr, function: Option<&str>) {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector, function),
            Expr::MatrixSelector(MatrixSelector { vs, range }) => {
                if *range < self.scrape * 2 {
                    self.complain(format!("{vs}: a range of under two scrapes"));
                }
                self.selector(vs, function);
            }
            Expr::Call(call) => {
                for argument in &call.args.args {
                    self.expr(argument, Some(call.func.name));
                }
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            _ => children(expr).into_iter().for_each(|child| self.expr(child, None)),
        }
    }

    fn selector(&mut self, selector: &VectorSelector, function: Option<&str>) {
        let Some(name) = &selector.name else {
            return self.complain(format!("{selector}: no name"));
        };
        let metrics = self.metrics;
        let Some(metric) = metrics.get(name) else {
            return self.complain(format!("{name}: there is no such metric"));
        };
        for matcher in &selector.matchers.matchers {
            if metric.labels.contains(&matcher.name) {
                self.matcher(name, matcher);
            } else {
                self.complain(format!("{name} has no label {}", matcher.name));
            }
        }
        let counted = function.is_some_and(|function| OF_COUNTERS.contains(&function));
        let any = function.is_some_and(|function| OF_ANY.contains(&function));
        match (metric.kind == "counter", counted) {
            _ if any => {}
            (true, false) => self.complain(format!("{name} is a counter: take its rate")),
            (false, true) => self.complain(format!("{name} is no counter: it has no rate")),
            _ => {}
        }
    }

    /// A value that is on a closed list must be on it; a pattern must match one that is.
    fn matcher(&mut self, name: &str, matcher: &Matcher) {
        let metrics = self.metrics;
        let Some(values) = metrics[name].values.get(&matcher.name) else { return };
        let fits = match &matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => values.contains(&matcher.value),
            MatchOp::Re(_) | MatchOp::NotRe(_) => {
                matcher.value.split('|').all(|value| values.contains(value) || value == ".+")
            }
        };
        if !fits {
            let (label, value) = (&matcher.name, &matcher.value);
            self.complain(format!("{name} never has {label} {value}, but one of {values:?}"));
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) {
        let by = match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => labels.labels.as_slice(),
            _ => &[],
        };
        for label in by {
            let labels =
                |name: &String| self.metrics.get(name).is_none_or(|m| m.labels.contains(label));
            if !names(&aggregate.expr.to_string()).iter().any(labels) {
                self.complain(format!("sums by {label}, which nothing it sums has"));
            }
        }
        self.expr(&aggregate.expr, None);
    }

    fn binary(&mut self, binary: &BinaryExpr) {
        if let Some(LabelModifier::Include(on)) =
            binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref())
        {
            for label in &on.labels {
                for side in [&binary.lhs, &binary.rhs] {
                    let labels = |name: &String| {
                        self.metrics.get(name).is_none_or(|m| m.labels.contains(label))
                    };
                    if !names(&side.to_string()).iter().any(labels) {
                        self.complain(format!("matches on {label}, which {side} has not"));
                    }
                }
            }
        }
        self.expr(&binary.lhs, None);
        self.expr(&binary.rhs, None);
    }
}

#[track_caller]
fn check_with(metrics: &Metrics, query: &str, expected: &[&str]) {
    let complaints = complaints(query, metrics, Duration::from_secs(30));
    assert_eq!(complaints.len(), expected.len(), "{query}: {complaints:?}");
    for (complaint, expected) in complaints.iter().zip(expected) {
        assert!(complaint.contains(expected), "{query}: {complaint}");
    }
}

#[test]
fn it_finds_what_is_wrong() {
    let metrics = crate::catalog::metrics();
    let check = |query, expected: &[&str]| check_with(&metrics, query, expected);
    check("sum by (jail) (rate(gaoler_failures_total[5m])) > 0", &[]);
    check("absent(up{job=\"gaoler\"})", &[]);
    check("gaoler_failures_totals", &["no such metric"]);
    check("{job=\"gaoler\"}", &["no name"]);
    check("gaoler_source_up{jail=\"sshd\"}", &["has no label jail"]);
    check("rate(gaoler_unbans_total{reason=\"expired\"}[5m])", &[]);
    check("rate(gaoler_unbans_total{reason=\"tired\"}[5m])", &["never has reason tired"]);
    check("rate(gaoler_unbans_total{reason=~\"expired|tired\"}[5m])", &["never has reason"]);
    check("gaoler_failures_total > 3", &["is a counter"]);
    check("sum(gaoler_failures_total)", &["is a counter"]);
    check("rate(gaoler_bans_desired[5m])", &["is no counter"]);
    check("rate(gaoler_failures_total[30s])", &["under two scrapes"]);
    check("sum by (source) (gaoler_bans_desired)", &["sums by source"]);
    check("gaoler_source_up and on (jail) gaoler_tracked_addresses", &["matches on jail"]);
    check(
        "histogram_quantile(0.9, sum by (le) (rate(gaoler_detection_delay_seconds_bucket[5m])))",
        &[],
    );
    check("gaoler_state_up >", &["does not parse"]);
}
