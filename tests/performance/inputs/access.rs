//! What httpd has in its log (the combined format) of a site that many visit: nearly every line is a
//! request of somebody who counts, where the filter counts requests.

use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::random::{Random, Zipf, addresses};

const VISITORS: usize = 60_000;

const AGENTS: [&str; 14] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "python-requests/2.32.3",
    "curl/8.5.0",
    "Go-http-client/1.1",
    "-",
    "Wget/1.21.3",
    "okhttp/4.12.0",
    "Mozilla/5.0 zgrab/0.x",
    "kube-probe/1.29",
    "Prometheus/2.52.0",
];

const PATHS: [&str; 17] = [
    "/",
    "/index.html",
    "/robots.txt",
    "/favicon.ico",
    "/wp-login.php",
    "/xmlrpc.php",
    "/api/v1/items",
    "/static/css/main.css",
    "/static/js/app.bundle.js",
    "/images/logo.png",
    "/login",
    "/.env",
    "/.git/config",
    "/phpmyadmin/index.php",
    "/cgi-bin/luci/;stok=/locale",
    "/api/v2/users/self",
    "/search?q=rust+log+watcher&page=2",
];

/// Writes the log's lines, one after the other.
pub(crate) struct Requests {
    random: Random,
    visitors: Vec<IpAddr>,
    choice: Zipf,
    paths: Vec<String>,
    path_choice: Zipf,
    /// A second, and how the log writes it.
    stamp: (Timestamp, String),
}

impl Requests {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let visitors = addresses(&mut random, VISITORS, 250);
        let paths = paths();
        let path_choice = Zipf::new(paths.len());
        let stamp = (Timestamp::UNIX_EPOCH, String::new());
        Self { random, visitors, choice: Zipf::new(VISITORS), paths, path_choice, stamp }
    }

    /// Appends the next line, of that time, with its line feed.
    pub(crate) fn write(&mut self, line: &mut String, at: Timestamp) {
        if self.stamp.0 != at || self.stamp.1.is_empty() {
            let shown = at.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
            self.stamp = (at, shown);
        }
        let random = &mut self.random;
        let method = match random.below(1000) {
            0..820 => "GET",
            820..930 => "POST",
            930..970 => "HEAD",
            970..985 => "OPTIONS",
            985..995 => "PUT",
            _ => "PROPFIND",
        };
        let status = match random.below(1000) {
            0..720 => 200,
            720..800 => 304,
            800..860 => 301,
            860..950 => 404,
            950..970 => 403,
            970..985 => 401,
            _ => 500,
        };
        let visitor = self.visitors[self.choice.pick(random)];
        let path = &self.paths[self.path_choice.pick(random)];
        let user = if random.below(50) == 0 { "alice" } else { "-" };
        let version = if random.below(4) == 0 { "HTTP/2.0" } else { "HTTP/1.1" };
        let bytes = random.below(90_000);
        let referer = (random.below(4) == 0).then(|| &self.paths[self.path_choice.pick(random)]);
        let agent = random.pick(&AGENTS);
        let stamp = &self.stamp.1;
        let (site, referer) = match referer {
            Some(path) => ("https://www.example.com", path.as_str()),
            None => ("", "-"),
        };
        writeln!(
            line,
            "{visitor} - {user} [{stamp}] \"{method} {path} {version}\" {status} {bytes} \
             \"{site}{referer}\" \"{agent}\""
        )
        .expect("a String takes any text");
    }
}

fn paths() -> Vec<String> {
    let pages = (0..3000).map(|page| match page % 4 {
        0 => format!("/blog/2026/{:02}/post-number-{page}", page % 12 + 1),
        1 => format!("/images/gallery/{:04x}/thumb_{page}.jpg", page * 7),
        2 => format!("/api/v1/items/{page}?expand=owner"),
        _ => format!("/docs/section-{}/page-{page}.html", page % 37),
    });
    PATHS.map(str::to_owned).into_iter().chain(pages).collect()
}
