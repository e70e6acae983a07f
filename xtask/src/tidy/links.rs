//! Links of Markdown files to other files of the checkout.

use crate::tidy::finding::{Finding, Rule};
use crate::tidy::tree::Tree;

/// Checks the relative links of one Markdown file, outside of code blocks.
pub(crate) fn check(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let is_external = file.is_empty() || file.contains(':');
            if !is_external && !resolve(folder, file).is_some_and(|file| tree.exists(&file)) {
                findings.push(Finding {
                    rule: Rule::Links,
                    path: path.to_owned(),
                    line: index + 1,
                    message: format!("link to `{target}`, which does not exist"),
                });
            }
        }
    }
    findings
}

/// Joins a folder and a relative path; `None` if that is outside of the root.
fn resolve(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> usize {
        let tree = Tree::from([("README.md", ""), ("docs/sql.md", ""), ("docs/a.md", "")]);
        check(&tree, "docs/a.md", text).len()
    }

    #[test]
    fn links_to_files_are_accepted() {
        for text in [
            "[a](sql.md), [b](sql.md#types) and [c](../README.md)",
            "[a](https://example.org/x.md), [b](#types)",
            "```rust\nf[0](nosuch.md)\n```",
        ] {
            assert_eq!(broken(text), 0, "{text}");
        }
    }

    #[test]
    fn links_to_nothing_are_refused() {
        assert_eq!(broken("[a](nosuch.md)\n[b](../docs/nosuch.md#x)"), 2);
        assert_eq!(broken("[a](../../README.md)"), 1);
    }
}
