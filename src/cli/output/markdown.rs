//! Escapes the cells of a Markdown table.

use crate::model::text;

/// Returns `cell` on one line, escaped so that a Markdown reader shows it as it is. No HTML, link, image, emphasis,
/// code, formula or template in it becomes active. A line end becomes a space.
///
/// Names stay readable: an underscore between letters or digits has no meaning in Markdown. Some readers turn host
/// names and e-mail addresses into links, which cannot always be prevented; such a link leads where its text says.
pub(super) fn escaped(cell: &str) -> String {
    let line = cell.replace("\r\n", " ").replace(['\n', '\r'], " ");
    let shown = text::shorten(&line, usize::MAX);
    let mut out = String::with_capacity(shown.len());
    let mut before = ' ';
    let mut rest = shown.chars();
    while let Some(char) = rest.next() {
        let after = rest.as_str();
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => {
                if is_special(before, char, after) {
                    out.push('\\');
                }
                out.push(char);
            }
        }
        before = char;
    }
    out
}

/// Returns whether `char` between `before` and `after` has a meaning in Markdown.
fn is_special(before: char, char: char, after: &str) -> bool {
    match char {
        '\\' | '`' | '*' | '[' | ']' | '{' | '}' | '|' | '~' | '$' => true,
        '_' => !(before.is_alphanumeric() && after.starts_with(char::is_alphanumeric)),
        '!' => after.starts_with('['),
        // http://…, mailto:…
        ':' => {
            before.is_ascii_alphanumeric()
                && after.starts_with(|next: char| !next.is_whitespace() && !next.is_ascii_digit())
        }
        // An address, or the mention of a person.
        '@' => before.is_alphanumeric() || after.starts_with(char::is_alphanumeric),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_becomes_active() {
        for (cell, expected) in [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("[x](javascript:alert(1))", r"\[x\](javascript\:alert(1))"),
            ("![x](http://e.com/)", r"\!\[x\](http\://e.com/)"),
            ("https://e.com", r"https\://e.com"),
            ("a@b.com", r"a\@b.com"),
            ("*b* __c__ ~~d~~ `e`", r"\*b\* \_\_c\_\_ \~\~d\~\~ \`e\`"),
            (r"a|b\|", r"a\|b\\\|"),
            ("&lt;&#60;", "&amp;lt;&amp;#60;"),
            ("$x$ {{7*7}}", r"\$x\$ \{\{7\*7\}\}"),
            ("a\r\nb\nc\rd  e", "a b c d  e"),
            ("\u{1b}[2J\u{202e}\t", r"\\u\{1b\}\[2J\\u\{202e\}\\t"),
        ] {
            assert_eq!(escaped(cell), expected);
        }
    }

    #[test]
    fn names_times_and_ordinary_text_stay_readable() {
        for cell in [
            "",
            "www.a.com",
            "bandwidth_95",
            "2026-01-01 08:00:00",
            "never asked: 3 (of 7)!",
            "-1.5e300",
            "带宽_95 + 1 = 2 #3",
        ] {
            assert_eq!(escaped(cell), cell);
        }
    }
}
