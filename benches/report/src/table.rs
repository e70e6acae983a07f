//! Tables as text and as HTML.

/// Cells in rows. The first cell of a row is its header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub(crate) fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Removes the columns in which every cell is empty.
    pub(crate) fn without_empty_columns(self) -> Self {
        let is_used = |column: usize| {
            let mut cells = self.rows.iter().map(|row| row[column].as_str());
            cells.any(|cell| !cell.is_empty())
        };
        let kept: Vec<usize> = (0..self.head.len())
            .filter(|column| is_used(*column))
            .collect();
        let pick = |cells: &Vec<String>| kept.iter().map(|column| cells[*column].clone()).collect();
        Self {
            head: pick(&self.head),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    /// Formats the table as text: the first column left-aligned, the others right.
    pub(crate) fn text(&self) -> String {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in lines() {
            let cells = line.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            });
            text.push_str(cells.collect::<String>().trim_end());
            text.push('\n');
        }
        text
    }

    /// Formats the table as HTML with a caption.
    pub(crate) fn html(&self, caption: &str) -> String {
        let head = self.head.iter();
        let head = head.map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell)));
        let rows = self.rows.iter().map(|row| {
            let cells = row.iter().enumerate().map(|(column, cell)| match column {
                0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
                _ => format!("<td>{}</td>", escaped(cell)),
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        });
        format!(
            "<table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
            escaped(caption),
            head.collect::<String>(),
            rows.collect::<String>()
        )
    }
}

/// Escapes text for HTML and SVG, in elements and in attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["kernel", "empty", "ratio"]);
        table
            .rows
            .push(["a<b>", "", "1.50"].map(str::to_owned).into());
        table
            .rows
            .push(["fnv1a", "", "12.00"].map(str::to_owned).into());
        table
    }

    #[test]
    fn columns_of_text_are_aligned() {
        let text = table().without_empty_columns().text();
        assert_eq!(text, "kernel  ratio\na<b>     1.50\nfnv1a   12.00\n");
    }

    #[test]
    fn cells_and_captions_are_escaped() {
        let html = table().html("\"1\" & 2");
        assert!(
            html.contains("<caption>&quot;1&quot; &amp; 2</caption>"),
            "{html}"
        );
        assert!(
            html.contains("<th scope=\"row\">a&lt;b&gt;</th><td></td><td>1.50</td>"),
            "{html}"
        );
    }
}
