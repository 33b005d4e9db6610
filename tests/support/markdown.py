"""What a page in Markdown holds: its headings, links, and code."""

import re
from collections import Counter
from pathlib import Path

FENCE = re.compile(r"^ *```")
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Page:
    """A page, told apart into lines of code and of text.

    Attributes:
        path: its file.
        block: lines of code, fenced or indented by four spaces.
        text: all other lines, joined by line breaks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.block: list[str] = []
        text: list[str] = []
        fenced = False
        for line in path.read_text(encoding="utf-8").splitlines():
            if FENCE.match(line):
                fenced = not fenced
            else:
                (self.block if fenced or line.startswith("    ") else text).append(line)
        self.text = "\n".join(text)

    def inline(self) -> list[str]:
        """Lists the code between backticks, each as one line."""
        paragraphs = re.split(r"\n\s*\n", self.text)
        return [" ".join(code.split()) for part in paragraphs for code in INLINE.findall(part)]

    def links(self) -> list[str]:
        """Lists where links and pictures lead."""
        return LINK.findall(INLINE.sub("code", self.text))

    def anchors(self) -> set[str]:
        """Names the page's headings as links do.

        Small letters, no punctuation, hyphens for spaces, a number for the second one of a name.

        Source: `TableOfContentsFilter` of https://github.com/gjtorikian/html-pipeline.
        """
        seen: Counter[str] = Counter()
        anchors = set()
        for heading in re.findall(r"^#+ (.+)$", self.text, re.MULTILINE):
            name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            anchors.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
        return anchors
