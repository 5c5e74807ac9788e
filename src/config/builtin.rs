//! The filters that are built in: the files of `config/filters`, as they are.

/// Each filter's name and its file's text.
const FILTERS: &[(&str, &str)] = &[
    ("http-get-dos", include_str!("../../config/filters/http-get-dos.yaml")),
    ("httpd-404", include_str!("../../config/filters/httpd-404.yaml")),
    ("httpd-auth", include_str!("../../config/filters/httpd-auth.yaml")),
    ("recidive", include_str!("../../config/filters/recidive.yaml")),
    ("sshd", include_str!("../../config/filters/sshd.yaml")),
];

/// Their names, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|(name, _)| *name)
}

/// The YAML of the filter of that name.
#[must_use]
pub fn yaml(name: &str) -> Option<&'static str> {
    FILTERS.iter().find(|(known, _)| *known == name).map(|(_, yaml)| *yaml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/config/filters");
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, names().map(|name| format!("{name}.yaml")).collect::<Vec<_>>());
    }
}
