//! The dashboards: made from their source, as dashboard-linter wants them, over metrics that exist.
//!
//! The rules are those of <https://github.com/grafana/dashboard-linter>, under their own names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::catalog::metrics;
use crate::dashboard::{DASHBOARDS, Dashboard, dashboards, list, text};
use crate::query::{complaints, names, selects_by};
use crate::rules::alerts;
use crate::tool::{files, path, read, run};

const SOURCE: &str = "dashboards/src";

/// Panels that show values of which one must know the unit.
const WITH_UNITS: [&str; 7] =
    ["stat", "timeseries", "gauge", "bargauge", "table", "heatmap", "state-timeline"];

#[test]
fn they_are_what_their_source_makes() {
    let made = tempfile::tempdir().unwrap();
    let directory = made.path().to_str().unwrap();
    let source = format!("{SOURCE}/dashboards.jsonnet");
    let (ok, said) = run("jsonnet", &["-m", directory, &source]);
    assert!(ok, "{said}");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(made.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let fresh = fs::read_to_string(made.path().join(&name)).unwrap();
        assert!(read(&format!("{DASHBOARDS}/{name}")) == fresh, "{name}: `make dashboards`");
        names.insert(name);
    }
    assert_eq!(names, files(DASHBOARDS, ".json").into_iter().collect());
}

#[test]
fn the_source_is_formatted() {
    let style = ["--test", "-n", "2", "--max-blank-lines", "2", "--string-style", "s"];
    for file in files(SOURCE, "sonnet") {
        let file = format!("{SOURCE}/{file}");
        let (ok, said) =
            run("jsonnetfmt", &[&style[..], &["--comment-style", "s", &file]].concat());
        assert!(ok, "{file}: {said}; `make dashboards`");
    }
}

/// uneditable-dashboard, and what makes a dashboard the same one wherever it is loaded.
#[test]
fn each_is_one_of_a_kind() {
    let mut seen = BTreeSet::new();
    for dashboard in dashboards() {
        let (file, json) = (&dashboard.file, &dashboard.json);
        assert_eq!(json["editable"], false, "{file}");
        assert_eq!(json["schemaVersion"], 41, "{file}");
        assert_eq!(json["id"], Value::Null, "{file}");
        assert_eq!(*file, format!("{}.json", dashboard.uid()));
        assert!(dashboard.uid().len() <= 40 && seen.insert(dashboard.uid().to_owned()), "{file}");
        assert_eq!(json["tags"], serde_json::json!(["gaoler-mixin"]), "{file}");
        assert!(text(json, "/title").starts_with("gaoler / "), "{file}");
        assert!(!text(json, "/description").is_empty(), "{file}");
        for left_over in ["__inputs", "__requires", "iteration"] {
            assert!(json.get(left_over).is_none(), "{file}: {left_over} is for exports");
        }
    }
}

/// template-datasource, template-job, template-instance, template-label-promql,
/// template-on-time-change-reload.
#[test]
fn variables_are_as_everywhere() {
    let metrics = metrics();
    for dashboard in dashboards() {
        let file = &dashboard.file;
        let variables = list(&dashboard.json, "/templating/list");
        let source = &variables[0];
        assert_eq!(text(source, "/name"), "datasource", "{file}");
        assert_eq!(text(source, "/label"), "Data source", "{file}");
        assert_eq!(text(source, "/query"), "prometheus", "{file}");
        let prometheus = variables.iter().filter(|one| text(one, "/query") == "prometheus");
        assert_eq!(prometheus.count(), 1, "{file}");
        assert!(dashboard.variables().is_superset(&BTreeSet::from(["job", "instance"])), "{file}");
        for variable in variables.iter().filter(|one| text(one, "/type") == "query") {
            let name = text(variable, "/name");
            assert_eq!(text(variable, "/datasource/uid"), "${datasource}", "{file}: {name}");
            assert_eq!(variable["multi"], true, "{file}: {name}");
            assert_eq!(variable["includeAll"], true, "{file}: {name}");
            assert_eq!(variable["allValue"], ".+", "{file}: {name}");
            assert_eq!(variable["refresh"], 2, "{file}: {name}: on a change of the time");
            let asked = text(variable, "/query/query");
            let of = asked.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (selector, label) = of.and_then(|of| of.rsplit_once(", ")).expect(asked);
            assert_eq!(label, name, "{file}");
            let selector = selector.replace("$job", ".+").replace("$instance", ".+");
            assert_eq!(complaints(&selector, &metrics, SCRAPE), [""; 0], "{file}: {name}");
        }
    }
}

/// How often series have a sample at the least.
const SCRAPE: Duration = Duration::from_secs(30);

/// panel-datasource, panel-title-description, panel-units, panel-no-targets.
#[test]
fn panels_say_what_they_show() {
    for dashboard in dashboards() {
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let (kind, title) = (text(panel, "/type"), text(panel, "/title"));
            let place = format!("{}: {title}", dashboard.file);
            assert_eq!(text(panel, "/datasource/uid"), "${datasource}", "{place}");
            assert!(!title.is_empty() && titles.insert(title), "{place}: title");
            assert!(text(panel, "/description").ends_with('.'), "{place}: description");
            assert!(WITH_UNITS.contains(&kind), "{place}: {kind}");
            assert!(!text(panel, "/fieldConfig/defaults/unit").is_empty(), "{place}: unit");
            assert!(!list(panel, "/targets").is_empty(), "{place}: no query");
            let ids: BTreeSet<_> =
                list(panel, "/targets").iter().map(|target| text(target, "/refId")).collect();
            assert_eq!(ids.len(), list(panel, "/targets").len(), "{place}: refId");
            for target in list(panel, "/targets") {
                assert_eq!(text(target, "/datasource/uid"), "${datasource}", "{place}");
            }
        }
    }
}

/// target-promql, target-counter-agg, and that what is asked for exists.
#[test]
fn queries_select_what_exists() {
    let metrics = metrics();
    for query in dashboards().iter().flat_map(Dashboard::queries) {
        let complaints = complaints(&query.promql(), &metrics, SCRAPE);
        assert_eq!(complaints, [""; 0], "{}: {}", query.place, query.expr);
        for label in query.legend.split("{{").skip(1) {
            let label = label.split("}}").next().unwrap();
            let has = |name: &String| metrics[name].labels.contains(label);
            let any = label == "le" || names(&query.promql()).iter().any(has);
            assert!(any, "{}: which {label}?", query.place);
        }
    }
}

/// target-job, target-instance; and by jail, where the jail can be chosen and the metric has one.
#[test]
fn queries_obey_the_choice_of_hosts_and_jails() {
    for dashboard in dashboards() {
        for query in dashboard.queries() {
            for variable in ["job", "instance"] {
                let chosen =
                    selects_by(&query.expr_with_ranges(), variable, "=~", &format!("${variable}"));
                assert!(chosen, "{}: not by {variable}: {}", query.place, query.expr);
            }
            let jails = query.expr.contains("jail=~\"$jail\"");
            assert!(!jails || dashboard.variables().contains("jail"), "{}", query.place);
        }
        if dashboard.variables().contains("jail") {
            let metrics = metrics();
            for query in dashboard.targets() {
                let of_jails = |name: &String| metrics[name].labels.contains("jail");
                let needs = names(&query.promql()).iter().all(of_jails);
                let chosen = selects_by(&query.expr_with_ranges(), "jail", "=~", "$jail");
                assert!(!needs || chosen, "{}: not by jail: {}", query.place, query.expr);
            }
        }
    }
}

/// target-rate-interval: a rate over a fixed time is wrong at some zoom or some scrape interval. Sums
/// over a fixed time that a title names are not.
#[test]
fn rates_follow_the_zoom() {
    for query in dashboards().iter().flat_map(Dashboard::queries) {
        for function in ["rate(", "irate(", "changes("] {
            for call in query.expr.split(function).skip(1) {
                let range = call.split('[').nth(1).and_then(|rest| rest.split(']').next());
                assert_eq!(range, Some("$__rate_interval"), "{}: {}", query.place, query.expr);
            }
        }
    }
}

/// Bars add up only if each counts what came since the one before, and if that is long enough for two
/// samples.
#[test]
fn bars_add_up() {
    let mut seen = 0;
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            let bars = text(panel, "/fieldConfig/defaults/custom/drawStyle") == "bars";
            for target in list(panel, "/targets").iter().filter(|_| bars) {
                let place = format!("{}: {}", dashboard.file, text(panel, "/title"));
                let expr = text(target, "/expr");
                assert!(expr.contains("increase(") && expr.contains("[$__interval]"), "{place}");
                assert_eq!(text(target, "/interval"), "1m", "{place}");
                seen += 1;
            }
            let fixed = text(panel, "/targets/0/expr").contains("[$__interval]");
            assert!(!fixed || text(panel, "/targets/0/interval") == "1m", "{}", dashboard.file);
        }
    }
    assert!(seen > 10, "{seen}");
}

/// The parser of Prometheus itself, over all of them.
#[test]
fn prometheus_parses_every_query() {
    let mut rules = "groups:\n  - name: queries\n    rules:\n".to_owned();
    let mut count = 0;
    for query in dashboards().iter().flat_map(Dashboard::queries) {
        let expr = Value::from(query.promql());
        count += 1;
        writeln!(rules, "      - {{record: 'query:number:{count}', expr: {expr}}}").unwrap();
    }
    assert!(count > 80, "{count}");
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), rules).unwrap();
    let (ok, said) = run("promtool", &["check", "rules", file.path().to_str().unwrap()]);
    assert!(ok && said.contains(&format!("{count} rules found")), "{said}");
}

/// Whatever gaoler measures is shown somewhere.
#[test]
fn nothing_measured_is_out_of_sight() {
    let shown: BTreeSet<String> =
        dashboards().iter().flat_map(Dashboard::queries).flat_map(|q| names(&q.promql())).collect();
    let of_histogram = |name: &str| {
        ["_bucket", "_sum", "_count"].iter().any(|part| {
            name.strip_suffix(part).is_some_and(|base| shown.contains(&format!("{base}_bucket")))
        })
    };
    let ours = metrics().into_keys().filter(|name| name.starts_with("gaoler_"));
    let unseen: Vec<_> = ours.filter(|name| !shown.contains(name) && !of_histogram(name)).collect();
    assert_eq!(unseen, [""; 0], "show it on a dashboard");
}

#[test]
fn alerts_that_descriptions_name_exist_and_each_is_named() {
    let exist: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let mut named = BTreeSet::new();
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            let words = text(panel, "/description").split(|c: char| !c.is_ascii_alphabetic());
            named.extend(words.filter(|word| word.starts_with("Gaoler")).map(str::to_owned));
        }
    }
    // What has no series has no panel, and what is a matter of the log none either.
    let unseen = ["GaolerAbsent", "GaolerAllowlistedAddressFails"].map(str::to_owned).into();
    assert_eq!(&exist - &named, unseen);
    assert_eq!(&named - &exist, BTreeSet::new());
}

#[test]
fn links_lead_somewhere() {
    let uids: BTreeSet<String> = dashboards().iter().map(|one| one.uid().to_owned()).collect();
    let mut seen = 0;
    for dashboard in dashboards() {
        let json = dashboard.json.to_string();
        for url in json.split("\"/d/").skip(1) {
            assert!(uids.contains(url.split('?').next().unwrap()), "{}: {url}", dashboard.file);
            seen += 1;
        }
        let links = list(&dashboard.json, "/links");
        let kin = links.iter().find(|link| text(link, "/type") == "dashboards").unwrap();
        assert_eq!(kin["tags"], dashboard.json["tags"]);
        assert_eq!((&kin["includeVars"], &kin["keepTime"]), (&true.into(), &true.into()));
        for link in links.iter().filter(|link| text(link, "/type") == "link") {
            let (_, panes) = text(link, "/url").split_once("&panes=").unwrap();
            let panes: Value = serde_json::from_str(&decoded(panes)).expect(panes);
            let variable = text(&panes, "/a/datasource").trim_matches(['$', '{', '}']);
            assert!(dashboard.variables().contains(variable), "{}: {variable}", dashboard.file);
        }
    }
    assert!(seen > 0);
}

/// A URL's percent-encoding undone.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        decoded.push(u8::from_str_radix(code, 16).unwrap().into());
        decoded.push_str(rest);
    }
    decoded
}

/// Within 24 columns, in rows without holes on top of each other.
#[test]
fn panels_do_not_overlap() {
    for dashboard in dashboards() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in list(&dashboard.json, "/panels") {
            let place = format!("{}: {}", dashboard.file, text(panel, "/title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: id");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{place}: {x} + {w}");
            for column in x..x + w {
                for line in y..y + h {
                    assert!(taken.insert((column, line)), "{place} overlaps another");
                }
            }
        }
    }
}

/// Grafana's sidecars load a `ConfigMap`, which takes a mebibyte.
#[test]
fn each_fits_a_configmap() {
    for dashboard in dashboards() {
        let size = fs::metadata(path(DASHBOARDS).join(&dashboard.file)).unwrap().len();
        assert!(size < 1 << 20, "{}: {size} bytes", dashboard.file);
    }
}
