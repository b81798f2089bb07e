"""`query --format markdown` shows every text as it is in the parsers that GitHub and Python programs use."""

import html
import re

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from conftest import run
from markdown_it import MarkdownIt

TEXTS = [
    "<script>alert(1)</script>",
    "<!-- x",
    "<br>",
    "<http://e.com>",
    "[x](javascript:alert(1))",
    "[x][y]",
    "[x]: http://e",
    "[^1]",
    "![a](http://e.com/x.png)",
    "http://evil.example/a",
    "x HTTPS://E.COM y",
    "ftp://e.com",
    "javascript:alert(1)",
    "*b* **c** __d__ _e_ a_b_c",
    "~~s~~ ~t~",
    "`code` a`b|c`",
    "a|b",
    "||",
    "\\",
    "\\|",
    "\\\\|",
    "a\\",
    "&lt;b&gt; &amp; &#60;",
    "$x$ {{7*7}}",
    "# h",
    "- x",
    "---",
    "bandwidth_95",
    "2026-01-01 08:00",
]

PARSERS = {
    "cmark-gfm": lambda text: cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE),
    "markdown-it with links": MarkdownIt("gfm-like").render,
    "markdown-it": MarkdownIt("commonmark").enable("table").render,
}


@pytest.mark.parametrize("parser", PARSERS)
def test_every_text_is_shown_as_it_is(program, demo, parser):
    union = " UNION ALL ".join(f"SELECT {at} AS i, '{text}' AS x" for at, text in enumerate(TEXTS))
    sql = f"SELECT x, 'end' AS e FROM ({union}) ORDER BY i"
    table = run(program, "--db", demo, "query", sql, "--format", "markdown")
    cells = re.findall(r"<td[^>]*>(.*?)</td>", PARSERS[parser](table), re.DOTALL)
    assert [html.unescape(cell) for cell in cells[::2]] == TEXTS
    assert not any("<" in cell for cell in cells)
    assert cells[1::2] == ["end"] * len(TEXTS)
