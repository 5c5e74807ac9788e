//! What a page says of one verb: its synopsis, description, options and examples.

use clap::builder::StyledStr;
use clap::{Arg, Command};
use roff::{Inline, Roff, bold, italic, roman};

/// SYNOPSIS, DESCRIPTION, OPTIONS, and the examples.
pub(super) fn describe(roff: &mut Roff, verb: &Command) {
    roff.control("SH", ["SYNOPSIS"]).text(synopsis(verb));
    roff.control("SH", ["DESCRIPTION"]);
    let about = verb.get_long_about().or_else(|| verb.get_about());
    for (number, paragraph) in sentences(about).split("\n\n").enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph.replace('\n', " "))]);
    }
    let arguments: Vec<&Arg> = verb.get_arguments().filter(|one| !one.is_hide_set()).collect();
    if !arguments.is_empty() {
        roff.control("SH", ["OPTIONS"]);
    }
    for one in arguments {
        option(roff, one);
    }
    if verb.has_subcommands() {
        verbs(roff, verb);
    }
    if let Some(more) = verb.get_after_long_help().or_else(|| verb.get_after_help()) {
        examples(roff, &more.to_string());
    }
}

/// NAME's half of a line for a verb: what its first sentence says.
pub(super) fn about(verb: &Command) -> String {
    let about = sentences(verb.get_about());
    let first = about.split(['.', ':']).next().unwrap_or_default();
    let mut letters = first.chars();
    letters.next().map_or_else(String::new, |initial| {
        initial.to_lowercase().chain(letters).collect::<String>().replace('\n', " ")
    })
}

/// COMMANDS: what verbs there are.
fn verbs(roff: &mut Roff, command: &Command) {
    roff.control("SH", ["COMMANDS"]);
    for verb in command.get_subcommands() {
        let about = sentences(verb.get_about());
        roff.control("TP", []).text([bold(verb.get_name())]).text([roman(about)]);
    }
}

/// What was written of a verb or an option; clap takes the last full stop away.
fn sentences(text: Option<&StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    if text.is_empty() || text.ends_with(['.', ':', '`']) { text } else { text + "." }
}

fn synopsis(verb: &Command) -> Vec<Inline> {
    let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name());
    let mut words = vec![bold(name), roman(" [")];
    words.extend([italic("OPTIONS"), roman("]")]);
    if verb.has_subcommands() {
        words.extend([roman(" "), italic("COMMAND")]);
    }
    for one in verb.get_positionals() {
        let (open, close) = if one.is_required_set() { (" ", "") } else { (" [", "]") };
        words.extend([roman(open), italic(value_name(one)), roman(close)]);
    }
    words
}

fn option(roff: &mut Roff, one: &Arg) {
    let mut term = Vec::new();
    if let Some(short) = one.get_short() {
        term.extend([bold(format!("-{short}")), roman(", ")]);
    }
    match one.get_long() {
        Some(long) => term.push(bold(format!("--{long}"))),
        None if one.is_positional() => term.push(italic(value_name(one))),
        None => drop(term.pop()),
    }
    if !one.is_positional() && one.get_action().takes_values() {
        term.extend([roman(" "), italic(value_name(one))]);
    }
    roff.control("TP", []).text(term);
    let help = sentences(one.get_long_help().or_else(|| one.get_help()));
    let mut said = vec![roman(help.replace("\n\n", " ").replace('\n', " "))];
    said.extend(choices(one));
    said.extend(fallback(one));
    roff.text(said);
}

/// `One of: human, json.`
fn choices(one: &Arg) -> Vec<Inline> {
    let values = one.get_possible_values();
    if values.is_empty() || !one.get_action().takes_values() {
        return Vec::new();
    }
    let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    vec![roman(format!(" One of: {}.", names.join(", ")))]
}

/// Where the value comes from when it is not given: a variable, a default.
fn fallback(one: &Arg) -> Vec<Inline> {
    let mut said = Vec::new();
    if let Some(variable) = one.get_env() {
        said.extend([
            roman(" Also taken from "),
            bold(variable.to_string_lossy().into_owned()),
            roman("."),
        ]);
    }
    let defaults = one.get_default_values();
    if one.get_action().takes_values() && !defaults.is_empty() {
        let shown: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
        said.extend([roman(" Default: "), bold(shown.join(" ")), roman(".")]);
    }
    said
}

fn value_name(one: &Arg) -> String {
    let given = one.get_value_names().and_then(|names| names.first());
    let name = given.map_or_else(|| one.get_id().to_string(), ToString::to_string);
    let several = one.get_num_args().is_some_and(|range| range.max_values() > 1);
    format!("{}{}", name.to_uppercase(), if several { "\u{2026}" } else { "" })
}

/// Laid out as written: commands with what they do beside them, then the exit status.
fn examples(roff: &mut Roff, text: &str) {
    for block in text.split("\n\n") {
        if let Some(lines) = block.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("EX", []);
            for line in lines.lines() {
                roff.text([roman(line)]);
            }
            roff.control("EE", []);
        } else if let Some(status) = block.strip_prefix("Exit status: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(status)]);
        } else {
            roff.control("PP", []).text([roman(block.replace('\n', " "))]);
        }
    }
}
