"""mdBook's preprocessor `repository`: links that lead out of docs/ lead to the repository.

In the repository they are relative, so that they work there, offline, and at every commit. The book
has docs/ alone. See book.toml and mdBook's documentation, "Preprocessors".
"""

import json
import posixpath
import re
import sys
from pathlib import Path

LINK = re.compile(r"(?<=\]\()(?![a-z+]+:|#|/)([^)#\s]+)")


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    context, book = json.load(sys.stdin)
    repository = context["config"]["output"]["html"]["git-repository-url"]
    source, root = context["config"]["book"]["src"], Path(context["root"])

    def lead(chapter):
        folder = posixpath.join(source, posixpath.dirname(chapter["path"]))

        def target(link):
            path = posixpath.normpath(posixpath.join(folder, link[1]))
            # In docs/ too, what is no page and no picture, such as a directory, is for the repository.
            inside = path.startswith(f"{source}/") and (root / path).is_file()
            kind = "tree" if (root / path).is_dir() else "blob"
            # mdBook renders README.md as index.html, but links to it as it is written.
            page = re.sub(r"(^|/)README\.md$", r"\1index.md", link[1])
            return page if inside else f"{repository}/{kind}/main/{path}"

        chapter["content"] = LINK.sub(target, chapter["content"])

    for chapter in chapters(book.get("items") or book["sections"]):
        lead(chapter)
    json.dump(book, sys.stdout)


def chapters(items):
    """All chapters, and those within them, that have a page."""
    for item in items:
        if isinstance(item, dict) and (chapter := item.get("Chapter")):
            if chapter["path"]:
                yield chapter
            yield from chapters(chapter["sub_items"])


main()
