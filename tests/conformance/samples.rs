//! fail2ban's annotated samples, as fail2ban's developers' guide has their form: a comment in JSON
//! above a line says what it must yield, others with which options the lines below are read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use serde_json::{Map, Value};

/// A filter's parameters, and what the samples' reader is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options(Map<String, Value>);

/// A line, and what it must yield.
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) number: usize,
    pub(crate) line: String,
    pub(crate) expected: Expected,
}

#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) failed: bool,
    pub(crate) time: Option<DateTime>,
    pub(crate) captures: BTreeMap<String, Value>,
}

impl Options {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn journal(&self) -> bool {
        self.text("logtype") == "journal"
    }

    /// What stands before each line of a journal.
    pub(crate) fn prefix(&self) -> &str {
        if self.journal() { self.text("test.prefix-line") } else { "" }
    }

    /// As a command line names the filter with these.
    pub(crate) fn spec(&self, name: &str) -> String {
        let parameters = self.0.keys().filter(|key| !key.starts_with("test."));
        let parameters = parameters.map(|key| format!("{key}=\"{}\"", self.text(key)));
        let parameters: Vec<String> = parameters.collect();
        match &parameters[..] {
            [] => name.to_owned(),
            parameters => format!("{name}[{}]", parameters.join(",")),
        }
    }

    fn merged(&self, other: &Value) -> Self {
        let mut options = self.clone();
        options.0.extend(other.as_object().cloned().unwrap_or_default());
        options
    }

    /// The samples' conditions are Python's; three of its forms occur.
    fn satisfy(&self, condition: &str, name: &str) -> bool {
        let equal = !condition.contains("!=");
        let sign = if equal { "==" } else { "!=" };
        let (left, right) = condition.split_once(sign).expect("`==` or `!=`");
        let left = match left.trim() {
            "name" => name,
            left => {
                let key = left.strip_prefix("opts.get('").and_then(|key| key.strip_suffix("')"));
                self.text(key.unwrap_or_else(|| panic!("condition {condition}")))
            }
        };
        (left == right.trim().trim_matches('\'')) == equal
    }
}

/// The samples of a filter, by the options that they are read with, in order.
pub(crate) fn read(path: &Path, name: &str) -> Vec<(Options, Vec<Sample>)> {
    let mut reader = Reader { name, blocks: Vec::new(), paths: vec![path.to_owned()] };
    let mut next = 0;
    while let Some(path) = reader.paths.get(next).cloned() {
        reader.file(&path);
        next += 1;
    }
    reader.blocks
}

struct Reader<'n> {
    name: &'n str,
    blocks: Vec<(Options, Vec<Sample>)>,
    paths: Vec<PathBuf>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let mut common = Options::default();
        let mut variants: Option<Vec<Options>> = None;
        let mut annotated: Option<Value> = None;
        for (number, line) in (1..).zip(text.split('\n')) {
            if annotated.is_none() {
                match annotation(line) {
                    Some(("failJSON", value)) => {
                        annotated = Some(value);
                        continue;
                    }
                    Some(("addFILE", value)) => {
                        self.paths.push(path.with_file_name(value.as_str().unwrap()));
                        continue;
                    }
                    Some(("fileOptions", value)) => {
                        common = Options::default().merged(&value);
                        continue;
                    }
                    Some((_, value)) => {
                        variants = Some(self.variants(&common, &value));
                        continue;
                    }
                    None if line.starts_with('#') || line.trim().is_empty() => continue,
                    None => {}
                }
            }
            let said = annotated.take().unwrap_or_default();
            // Common options that come later hold from the next filterOptions on.
            for options in variants.get_or_insert_with(|| vec![common.clone()]) {
                let constraint = said["constraint"].as_str();
                if constraint.is_none_or(|condition| options.satisfy(condition, self.name)) {
                    let line = line.trim_end_matches('\r').to_owned();
                    let expected = expected(&said);
                    let sample = Sample { file: file.clone(), number, line, expected };
                    self.block(options).push(sample);
                }
            }
        }
    }

    /// Those whose condition holds; none skips the lines below.
    fn variants(&self, common: &Options, value: &Value) -> Vec<Options> {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let all = values.iter().map(|value| common.merged(value));
        all.filter(|options| match options.text("test.condition") {
            "" => true,
            condition => options.satisfy(condition, self.name),
        })
        .collect()
    }

    fn block(&mut self, options: &Options) -> &mut Vec<Sample> {
        let known = self.blocks.iter().position(|(other, _)| other == options);
        let place = known.unwrap_or_else(|| {
            self.blocks.push((options.clone(), Vec::new()));
            self.blocks.len() - 1
        });
        &mut self.blocks[place].1
    }
}

/// `# failJSON: {…}` and its kin.
fn annotation(line: &str) -> Option<(&str, Value)> {
    let comment = line.trim_start_matches('#');
    if comment.len() == line.len() {
        return None;
    }
    let comment = comment.strip_prefix(' ').unwrap_or(comment);
    let (word, json) = comment.split_once(':')?;
    let known = ["failJSON", "filterOptions", "fileOptions", "addFILE"].contains(&word);
    let value = known.then(|| serde_json::from_str(json.trim()))?;
    Some((word, value.unwrap_or_else(|error| panic!("{line}: {error}"))))
}

fn expected(said: &Value) -> Expected {
    let captures = said.as_object().cloned().unwrap_or_default().into_iter();
    let other = ["time", "match", "desc", "constraint"];
    Expected {
        failed: said["match"].as_bool().unwrap_or_default(),
        time: said["time"].as_str().map(time),
        captures: captures.filter(|(key, _)| !other.contains(&key.as_str())).collect(),
    }
}

/// `2005-03-7T02:09:33`: not every sample writes two digits.
fn time(text: &str) -> DateTime {
    let (date, clock) = text.split_once('T').unwrap();
    let date: Vec<i16> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let clock = clock.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    jiff::civil::date(date[0], i8::try_from(date[1]).unwrap(), i8::try_from(date[2]).unwrap())
        .to_datetime(clock)
}
