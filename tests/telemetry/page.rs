//! The status page as Chromium shows it: on a phone and on a desk, light and dark, well and unwell,
//! with scripts switched off.
//!
//! The pictures lie in `target/tmp`; `UPDATE=1` puts those for the documents into `docs/pictures`.

use std::fs;
use std::path::Path;

use gaoler::config::checked::{Addresses, Web};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::host::{overview, troubled};
use crate::http::{Served, ask};

/// Whose documents the page names.
const DOCS: &str = "https://github.com/gaoler/gaoler/blob/main/";

/// A screen.
struct Screen {
    name: &'static str,
    width: u32,
    height: u32,
    scale: f64,
    scheme: &'static str,
}

const fn screen(name: &'static str, width: u32, scale: f64, scheme: &'static str) -> Screen {
    Screen { name, width, height: 800, scale, scheme }
}

const SCREENS: [Screen; 7] = [
    screen("phone-light", 360, 1.5, "light"),
    screen("phone-dark", 360, 1.5, "dark"),
    screen("small-phone", 320, 1.0, "light"),
    screen("tablet", 720, 1.0, "dark"),
    screen("desk-light", 1100, 1.0, "light"),
    screen("desk-dark", 1100, 1.0, "dark"),
    screen("wide", 1920, 1.0, "light"),
];

impl Screen {
    async fn put_on(&self, browser: &Browser) {
        let Self { width, height, scale, .. } = self;
        let mobile = *width < 700;
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile});
        browser.tell("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = json!([{"name": "prefers-color-scheme", "value": self.scheme}]);
        browser.tell("Emulation.setEmulatedMedia", json!({"features": scheme})).await;
    }
}

/// What reaches out of the window, or out of the box it is in.
const OVERFLOW: &str = "(() => {
  const out = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) out.push(`page: ${root.scrollWidth} > ${root.clientWidth}`);
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    const aside = box.right < 0;
    if (!aside && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1))
      out.push(`${element.tagName} ${element.className}: ${box.left} to ${box.right}`);
    const block = getComputedStyle(element).display !== 'inline';
    if (block && !aside && element.scrollWidth > element.clientWidth + 1)
      out.push(`in ${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`);
  }
  return out;
})()";

/// How many texts there are, and those too faint to read (WCAG 2.2, 1.4.3: contrast, AA).
const CONTRAST: &str = "(() => {
  const parse = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
    return {red, green, blue, alpha};
  };
  const over = (top, below) => {
    const mix = (of) => top[of] * top.alpha + below[of] * (1 - top.alpha);
    return {red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: 1};
  };
  const ground = (element) => {
    if (!element) return {red: 255, green: 255, blue: 255, alpha: 1};
    const own = parse(getComputedStyle(element).backgroundColor);
    return own.alpha === 1 ? own : over(own, ground(element.parentElement));
  };
  const light = ({red, green, blue}) => {
    const linear = (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  let looked = 0;
  const faint = [];
  const look = (element, style, text) => {
    looked += 1;
    const below = ground(element);
    const found = ratio(over(parse(style.color), below), below);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (found < (large ? 3 : 4.5)) faint.push(`${text}: ${found.toFixed(2)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text) look(element, getComputedStyle(element), text);
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    const style = getComputedStyle(element, '::before');
    if (style.content !== 'none') look(element, style, `label ${element.dataset.label}`);
  }
  return {looked, faint};
})()";

/// What who hears the page would miss.
const OUTLINE: &str = "(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const wrong = [];
  if (document.documentElement.lang !== 'en') wrong.push('no language');
  if (!document.title) wrong.push('no title');
  if (all('h1').length !== 1 || all('main').length !== 1) wrong.push('not one h1 and one main');
  const levels = all('h1,h2,h3,h4').map((heading) => Number(heading.tagName[1]));
  if (levels.some((level, nth) => level > (levels[nth - 1] ?? 0) + 1)) wrong.push(`levels ${levels}`);
  for (const table of all('table')) {
    if (!table.caption?.textContent.trim()) wrong.push('a table without caption');
    const cells = [...table.querySelectorAll('th')];
    if (cells.length < 2 || cells.some((cell) => !cell.scope)) wrong.push('a heading without scope');
  }
  const ids = all('[id]').map((element) => element.id);
  if (new Set(ids).size !== ids.length) wrong.push('an id twice');
  for (const named of all('[aria-labelledby]'))
    if (!document.getElementById(named.getAttribute('aria-labelledby'))) wrong.push('a name missing');
  if (all('script,img,iframe,form,[style],[onclick]').length) wrong.push('what has no place here');
  const loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
  if (loaded.some((name) => !name.startsWith(location.origin))) wrong.push(`loaded ${loaded}`);
  return wrong;
})()";

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

async fn check(browser: &Browser, server: &Served, screen: &Screen, day: &str) {
    let name = format!("{day} on {}", screen.name);
    screen.put_on(browser).await;
    browser.load(&format!("http://{}/", server.address)).await;
    let overflow = browser.evaluate(OVERFLOW).await;
    let contrast = browser.evaluate(CONTRAST).await;
    let outline = browser.evaluate(OUTLINE).await;
    let picture = browser.picture(screen.width, screen.width.max(1_100)).await;
    let file = format!("status-{day}-{}.png", screen.name);
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), picture).unwrap();
    assert_eq!(texts(&overflow), [""; 0], "overflow, {name}");
    assert_eq!(texts(&contrast["faint"]), [""; 0], "contrast, {name}");
    assert!(contrast["looked"].as_u64().unwrap() > 100, "{name}: {contrast}");
    assert_eq!(texts(&outline), [""; 0], "outline, {name}");
    let tree = browser.tell("Accessibility.getFullAXTree", json!({})).await;
    let role = |role: &str| {
        let nodes = tree["nodes"].as_array().unwrap().iter();
        nodes.filter(|node| node["role"]["value"] == role && node["ignored"] == false).count()
    };
    assert_eq!(role("table"), 4, "{name}: tables to who hears it");
    assert!(role("columnheader") >= 16 && role("rowheader") >= 16, "{name}: headings of tables");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reads_well_on_every_screen() {
    let Some(browser) = Browser::open().await else { return };
    browser.tell("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    let script = "data:text/html,<title>off</title><script>document.title='on'</script>";
    browser.load(script).await;
    assert_eq!(browser.evaluate("document.title").await, "off", "scripts are switched off");

    let server = Served::guarded(Web { addresses: Addresses::Always, ..Web::default() });
    for (day, overview) in [("well", overview()), ("unwell", troubled())] {
        server.overview.send_replace(overview);
        for screen in &SCREENS {
            check(&browser, &server, screen, day).await;
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["well-desk-light", "unwell-desk-dark", "well-phone-light", "unwell-phone-dark"]
        {
            let file = format!("status-{name}.png");
            let from = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&file);
            fs::copy(from, root.join("docs/pictures").join(&file)).unwrap();
        }
    }
}

/// What the page links to is there: on this server, or among the documents.
#[tokio::test]
async fn no_link_is_dead() {
    let server = Served::start();
    for overview in [overview(), troubled()] {
        server.overview.send_replace(overview);
        let page = ask(server.address, "GET", "/", "").await;
        let hrefs = page.text().split("href=\"").skip(1);
        let hrefs: Vec<&str> = hrefs.filter_map(|rest| rest.split('"').next()).collect();
        assert!(hrefs.len() > 10, "{hrefs:?}");
        for href in hrefs {
            if let Some(document) = href.strip_prefix(DOCS) {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
                assert!(path.exists(), "{href}");
            } else if let Some(id) = href.strip_prefix('#') {
                assert!(page.text().contains(&format!("id=\"{id}\"")), "{href}");
            } else if href.starts_with('/') {
                let answer = ask(server.address, "GET", href, "").await;
                let ready = href == "/-/ready" && answer.status == 503;
                assert!(answer.status == 200 || ready, "{href}: {}", answer.status);
            } else {
                assert_eq!(href, "data:,", "an icon of nothing, so that none is asked for");
            }
        }
    }
}
