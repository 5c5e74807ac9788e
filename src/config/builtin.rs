//! The filters that are built in: the files of `config/filters`, as they are.

/// Each filter's name and its file's text.
const FILTERS: &[(&str, &str)] = &[
    ("cockpit", include_str!("../../config/filters/cockpit.yaml")),
    ("dovecot", include_str!("../../config/filters/dovecot.yaml")),
    ("gitlab", include_str!("../../config/filters/gitlab.yaml")),
    ("grafana", include_str!("../../config/filters/grafana.yaml")),
    ("haproxy", include_str!("../../config/filters/haproxy.yaml")),
    ("http-get-dos", include_str!("../../config/filters/http-get-dos.yaml")),
    ("httpd-404", include_str!("../../config/filters/httpd-404.yaml")),
    ("httpd-auth", include_str!("../../config/filters/httpd-auth.yaml")),
    ("httpd-badbots", include_str!("../../config/filters/httpd-badbots.yaml")),
    ("httpd-botsearch", include_str!("../../config/filters/httpd-botsearch.yaml")),
    ("httpd-denied", include_str!("../../config/filters/httpd-denied.yaml")),
    ("httpd-overflows", include_str!("../../config/filters/httpd-overflows.yaml")),
    ("keycloak", include_str!("../../config/filters/keycloak.yaml")),
    ("mariadb", include_str!("../../config/filters/mariadb.yaml")),
    ("mariadb-audit", include_str!("../../config/filters/mariadb-audit.yaml")),
    ("named", include_str!("../../config/filters/named.yaml")),
    ("nginx-bad-request", include_str!("../../config/filters/nginx-bad-request.yaml")),
    ("nginx-botsearch", include_str!("../../config/filters/nginx-botsearch.yaml")),
    ("nginx-http-auth", include_str!("../../config/filters/nginx-http-auth.yaml")),
    ("nginx-limit-req", include_str!("../../config/filters/nginx-limit-req.yaml")),
    ("openvpn", include_str!("../../config/filters/openvpn.yaml")),
    ("pam", include_str!("../../config/filters/pam.yaml")),
    ("postfix", include_str!("../../config/filters/postfix.yaml")),
    ("postfix-sasl", include_str!("../../config/filters/postfix-sasl.yaml")),
    ("postgresql", include_str!("../../config/filters/postgresql.yaml")),
    ("proftpd", include_str!("../../config/filters/proftpd.yaml")),
    ("recidive", include_str!("../../config/filters/recidive.yaml")),
    ("squid", include_str!("../../config/filters/squid.yaml")),
    ("sshd", include_str!("../../config/filters/sshd.yaml")),
    ("vsftpd", include_str!("../../config/filters/vsftpd.yaml")),
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
            .map(|file| file.strip_suffix(".yaml").expect("a filter").to_owned())
            .collect();
        files.sort();
        assert_eq!(files, names().collect::<Vec<_>>());
    }
}
