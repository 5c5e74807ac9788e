//! Lays one tree over another: what comes later wins, key by key.

use super::tree::{Entry, Node, Value};

/// `over` on top of `base`. Sections merge; anything else replaces; a blank section changes nothing.
pub(super) fn merge(base: Node, over: Node) -> Node {
    match (base.value, over.value) {
        (Value::Map(under), Value::Map(entries)) => {
            let value = Value::Map(entries.into_iter().fold(under, put));
            Node { place: over.place, value }
        }
        (value @ Value::Map(_), Value::Null) => Node { place: base.place, value },
        (_, value) => Node { place: over.place, value },
    }
}

fn put(mut entries: Vec<Entry>, new: Entry) -> Vec<Entry> {
    match entries.iter_mut().find(|entry| entry.key == new.key) {
        Some(entry) => {
            entry.place = new.place;
            let blank = Node { place: entry.node.place.clone(), value: Value::Null };
            let old = std::mem::replace(&mut entry.node, blank);
            entry.node = merge(old, new.node);
        }
        None => entries.push(new),
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn node(file: &str, yaml: &str) -> Node {
        Node::parse(Path::new(file), yaml.as_bytes()).unwrap()
    }

    /// The tree on one line, each scalar with the file it came from.
    fn flat(node: &Node) -> String {
        match &node.value {
            Value::Map(entries) => {
                let parts: Vec<_> =
                    entries.iter().map(|e| format!("{}: {}", e.key, flat(&e.node))).collect();
                format!("{{{}}}", parts.join(", "))
            }
            Value::List(items) => {
                format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", "))
            }
            _ => format!("{}@{}", node.scalar().unwrap_or_default(), node.place.file.display()),
        }
    }

    #[track_caller]
    fn check(base: &str, over: &str, expected: &str) {
        assert_eq!(flat(&merge(node("1", base), node("2", over))), expected);
    }

    #[test]
    fn later_wins_key_by_key() {
        check("{a: {b: x, c: y}}", "{a: {c: z}, d: w}", "{a: {b: x@1, c: z@2}, d: w@2}");
    }

    #[test]
    fn lists_are_replaced_not_joined() {
        check("{a: [x, y]}", "{a: [z]}", "{a: [z@2]}");
    }

    #[test]
    fn a_blank_section_changes_nothing() {
        check("{a: {b: x}}", "{a: }", "{a: {b: x@1}}");
        check("{a: x}", "", "{a: x@1}");
    }

    #[test]
    fn a_value_of_another_kind_replaces() {
        check("{a: {b: x}}", "{a: y}", "{a: y@2}");
        check("{a: y}", "{a: {b: x}}", "{a: {b: x@2}}");
    }

    proptest! {
        #[test]
        fn merging_a_tree_over_itself_changes_nothing(keys in "[a-c]{1,4}") {
            let yaml = keys.chars().rev().fold("x".to_owned(), |yaml, key| format!("{{{key}: {yaml}}}"));
            let tree = node("1", &yaml);
            prop_assert_eq!(merge(tree.clone(), tree.clone()), tree);
        }
    }
}
