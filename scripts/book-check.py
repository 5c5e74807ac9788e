"""Whether every link within the built book leads somewhere: book-check.py DIRECTORY.

The pages as they were rendered: each relative `href` and `src` is a file of the book, and each `#name`
an element of that page.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what of it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.links.append(value)
            if key in ("id", "name") and value:
                self.names.add(value)


def main(root):
    pages = {path: Page(path) for path in root.rglob("*.html")}
    wrong, seen = [], 0
    for path, page in pages.items():
        if path.name in ("404.html", "toc.html"):  # their links begin at the site's root
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            seen += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                wrong.append(f"{path.relative_to(root)}: {link}: no such page")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                wrong.append(f"{path.relative_to(root)}: {link}: no such place in that page")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(pages)} pages, {seen} links within the book: all lead somewhere")


main(Path(sys.argv[1]).resolve())
