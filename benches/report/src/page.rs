//! The page and the text, assembled from sections and lines.

use fusebox_paired::{Record, geometric_mean};

use crate::machine::Machine;
use crate::numbers::bytes;
use crate::records::{Records, distinct};
use crate::sections::{Section, sections};
use crate::summary::{Figure, Goal, ROWS, calls, figures};
use crate::table::{Table, escaped};

const STYLE: &str = include_str!("style.css");

/// Formats the records as a self-contained page.
///
/// # Errors
///
/// If a plot cannot be drawn.
pub(crate) fn html(records: &Records, machine: &Machine) -> Result<String, String> {
    let sections = sections(records).map_err(|error| format!("cannot draw a plot: {error}"))?;
    let links = sections.iter().map(|section| {
        let title = escaped(section.title);
        format!("<li><a href=\"#{}\">{title}</a></li>\n", section.id)
    });
    let facts = machine.facts.iter().map(|(name, fact)| {
        format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            escaped(name),
            escaped(fact)
        )
    });
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Fusebox: benchmarks</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Fusebox: benchmarks</h1>\n\
         <p>Sandboxed functions, beside the same Rust compiled natively.</p>\n\
         <dl class=\"facts\">\n{}</dl>\n</header>\n\
         <main>\n{}<nav aria-label=\"Contents\">\n<ol>\n{}</ol>\n</nav>\n{}</main>\n</body>\n</html>\n",
        facts.collect::<String>(),
        headline(&figures(records)),
        links.collect::<String>(),
        sections.iter().map(section_html).collect::<String>(),
    ))
}

/// Formats the figures with goals as tiles.
fn headline(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let tiles = figures.iter().map(|figure| {
        let goal = match figure.goal {
            Goal::AtMost(goal) => format!("at most {goal:.2}"),
            Goal::AtLeast(goal) => format!("at least {goal:.2}"),
        };
        let (class, verdict) = match figure.is_reached() {
            true => ("reached", "reached"),
            false => ("missed", "not reached"),
        };
        let kernel = figure
            .kernel
            .as_ref()
            .map_or(String::new(), |kernel| format!(" ({kernel})"));
        format!(
            "<div class=\"{class}\"><dt>{}{}</dt><dd><strong>{:.2}</strong> \
             <span>goal: {goal}, {verdict}</span></dd></div>\n",
            escaped(figure.name),
            escaped(&kernel),
            figure.value,
        )
    });
    let tiles: String = tiles.collect();
    format!("<section aria-label=\"Goals\">\n<dl class=\"tiles\">\n{tiles}</dl>\n</section>\n")
}

fn section_html(section: &Section) -> String {
    let Section { id, title, .. } = section;
    let plots = section
        .plots
        .iter()
        .map(|plot| format!("<figure>\n{plot}</figure>\n"));
    let table = section.table.html(title);
    let table = match section.plots.is_empty() {
        true => format!("<div class=\"scroll\">\n{table}</div>\n"),
        false => format!(
            "<details>\n<summary>Figures</summary>\n<div class=\"scroll\">\n{table}</div>\n</details>\n"
        ),
    };
    format!(
        "<section id=\"{id}\">\n<h2>{}</h2>\n<p>{}</p>\n{}{table}</section>\n",
        escaped(title),
        code(&section.about),
        plots.collect::<String>(),
    )
}

/// Formats text as HTML, with the parts between backticks as code.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(number, part)| match number % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}

/// Formats the records as text: a table of kernels, a line for every other record,
/// and the figures with goals as lines for scripts.
pub(crate) fn text(records: &Records, machine: &Machine) -> String {
    let facts = machine.facts.iter();
    let facts: Vec<String> = facts
        .map(|(name, fact)| format!("{name}: {fact}"))
        .collect();
    let mut text = format!("{}\n\n", facts.join("; "));
    let table = kernels(records);
    if !table.rows.is_empty() {
        text.push_str(&table.text());
        text.push('\n');
    }
    for line in other_lines(records) {
        text.push_str(&line);
        text.push('\n');
    }
    for figure in figures(records) {
        text.push_str(&figure.line());
        text.push('\n');
    }
    text
}

/// Creates the table of kernels.
fn kernels(records: &Records) -> Table {
    let benches = ["call", "query", "overhead", "metering"];
    let names = benches.into_iter().flat_map(|bench| records.of(bench));
    let names = distinct(names.map(|record| &record.kernel));
    let peers = records.of("peers").map(|record| &record.engine);
    let peers = distinct(peers.filter(|engine| *engine != "fusebox"));
    let head = [
        "8,192 rows: ns/row",
        "native",
        "fusebox",
        "ratio",
        "±",
        "10 %",
        "90 %",
        "1 row",
        "64",
        "1,024",
        "65,536",
        "fuel",
        "NaNs",
        "reset",
        "flights",
        "2 thr.",
        "gain",
        "lineitem",
        "2 thr.",
        "gain",
        "metering",
    ];
    let head = head.map(str::to_owned).into_iter();
    let mut table = Table::new(head.chain(peers.iter().map(|peer| (*peer).clone())));
    for name in names {
        let mut row = vec![name.clone()];
        row.extend(call_cells(records, name));
        row.extend(["fuel", "canonical NaNs", "reset"].map(|part| {
            let overhead = records
                .of_fusebox("overhead")
                .find(|r| r.kernel == *name && r.part == part);
            ratio(overhead)
        }));
        row.extend(["flights", "lineitem"].into_iter().flat_map(|table| {
            let of = |threads| {
                records
                    .of_fusebox("query")
                    .find(|r| r.kernel == *name && r.part == table && r.threads == threads)
            };
            let [one, two] = [of(1), of(2)];
            let gain = one.and_then(|r| r.ns).zip(two.and_then(|r| r.ns));
            let gain = gain.map_or(String::new(), |(one, two)| format!("{:.2}", one / two));
            [ratio(one), ratio(two), gain]
        }));
        row.push(ratio(
            records.of_fusebox("metering").find(|r| r.kernel == *name),
        ));
        row.extend(peers.iter().map(|peer| {
            let of_peer = |r: &&Record| r.engine == **peer && r.kernel == *name && r.rows == ROWS;
            ratio(records.of("peers").find(of_peer))
        }));
        table.rows.push(row);
    }
    table.without_empty_columns()
}

/// Returns the cells of the columns about calls.
fn call_cells(records: &Records, name: &str) -> Vec<String> {
    let of = |rows: u64, nulls: u64| {
        let mut calls = records.of_fusebox("call");
        calls.find(|r| r.kernel == name && r.rows == rows && r.nulls == nulls)
    };
    let full = calls(records).find(|r| r.kernel == name && r.nulls == 0);
    let per_row = |nanos: Option<f64>| {
        nanos.map_or(String::new(), |nanos| format!("{:.2}", nanos / ROWS as f64))
    };
    let spread = |record: &Record| {
        let half = (record.high? - record.low?) / 2.0 / record.ratio?;
        Some(format!("{:.1} %", half * 100.0))
    };
    let one = of(1, 0).and_then(|record| record.ns);
    vec![
        per_row(full.and_then(|record| record.base_ns)),
        per_row(full.and_then(|record| record.ns)),
        ratio(full),
        full.and_then(spread).unwrap_or_default(),
        ratio(of(ROWS, 10)),
        ratio(of(ROWS, 90)),
        one.map_or(String::new(), |nanos| format!("{:.2} µs", nanos / 1e3)),
        ratio(of(64, 0)),
        ratio(of(1_024, 0)),
        ratio(of(65_536, 0)),
    ]
}

fn ratio(record: Option<&Record>) -> String {
    let ratio = record.and_then(|record| record.ratio);
    ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
}

/// Returns a line for every record that is not in the table of kernels.
fn other_lines(records: &Records) -> Vec<String> {
    let worst = |bench: &'static str, name: &str| {
        let ratios = records
            .of_fusebox(bench)
            .filter_map(|r| Some((r.ratio?, &r.kernel)));
        let worst = ratios.max_by(|a, b| a.0.total_cmp(&b.0));
        worst.map(|(ratio, kernel)| format!("{name} worst: {kernel} {ratio:.2}"))
    };
    let mut lines: Vec<String> = Vec::new();
    for record in records.of_fusebox("kinds") {
        lines.push(format!("kinds: {} {}", record.kernel, ratio(Some(record))));
    }
    lines.extend(worst("border", "border"));
    for record in records.of_fusebox("cold") {
        let millis = record.ns.unwrap_or_default() / 1e6;
        lines.push(format!(
            "start: {} {} {millis:.1} ms",
            record.kernel, record.part
        ));
    }
    let peers = records
        .of("peers")
        .filter(|r| r.engine != "fusebox" && r.rows == ROWS);
    for peer in distinct(peers.clone().map(|record| &record.engine)) {
        let ratios = peers.clone().filter(|record| record.engine == *peer);
        if let Some(mean) = geometric_mean(ratios.filter_map(|record| record.ratio)) {
            lines.push(format!("beside {peer}, geometric mean: {mean:.2}"));
        }
    }
    for record in records.of_fusebox("fresh") {
        let more = record
            .ns
            .zip(record.base_ns)
            .map(|(fresh, warm)| (fresh - warm) / 1e3);
        let more = more.unwrap_or_default();
        lines.push(format!("fresh instance: {} rows {more:.1} µs", record.rows));
    }
    for record in records.of_fusebox("memory") {
        let size = bytes(record.bytes.unwrap_or_default());
        lines.push(format!("memory: {} {size}", record.kernel));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: &str = r#"
        {"bench":"call","kernel":"a<b>","engine":"fusebox","rows":8192,"threads":1,"ns":16384.0,"base_ns":8192.0,"ratio":2.0,"low":1.9,"high":2.1}
        {"bench":"call","kernel":"a<b>","engine":"fusebox","rows":8192,"nulls":10,"threads":1,"ns":16384.0,"base_ns":8192.0,"ratio":3.0}
        {"bench":"call","kernel":"a<b>","engine":"fusebox","rows":1,"threads":1,"ns":4000.0,"base_ns":200.0,"ratio":20.0}
        {"bench":"peers","kernel":"a<b>","engine":"fusebox","rows":8192,"threads":1,"ns":16384.0,"base_ns":8192.0,"ratio":2.0}
        {"bench":"peers","kernel":"a<b>","engine":"some & peer","rows":8192,"threads":1,"ns":81920.0,"base_ns":16384.0,"ratio":5.0}
        {"bench":"phases","kernel":"a<b>","engine":"fusebox","part":"guest","rows":8192,"threads":1,"ns":16000.0}
        {"bench":"overhead","kernel":"a<b>","engine":"fusebox","part":"fuel","rows":8192,"threads":1,"ratio":1.04}
        {"bench":"query","kernel":"a<b>","engine":"fusebox","part":"flights","rows":336776,"threads":1,"ns":3e6,"base_ns":2e6,"ratio":1.5}
        {"bench":"query","kernel":"a<b>","engine":"fusebox","part":"flights","rows":336776,"threads":2,"ns":1.5e6,"base_ns":1e6,"ratio":1.5}
        {"bench":"kinds","kernel":"ema/1000","engine":"fusebox","threads":1,"ns":3.0,"base_ns":2.0,"ratio":1.5}
        {"bench":"cold","kernel":"geo","engine":"fusebox","part":"compiled","threads":1,"ns":3e8,"low":2e8,"high":4e8,"bytes":45000.0}
        {"bench":"memory","kernel":"an instance","engine":"fusebox","bytes":2048.0}
        {"bench":"metering","kernel":"a<b>","engine":"fusebox","threads":1,"ratio":1.03}"#;

    fn machine() -> Machine {
        Machine {
            facts: vec![("processor", "Fast & <Cheap>".to_owned())],
        }
    }

    #[test]
    fn a_page_has_a_section_for_every_measured_bench() {
        let page = html(&Records::read(FEW).unwrap(), &machine()).unwrap();
        for id in [
            "calls",
            "nulls",
            "rows",
            "phases",
            "overheads",
            "flights",
            "threads",
            "peers",
            "kinds",
            "starts",
            "memory",
            "metering",
        ] {
            assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
            assert!(page.contains(&format!("<a href=\"#{id}\">")), "{id}");
        }
        assert!(!page.contains("<section id=\"lineitem\">"));
        assert_eq!(
            page.matches("<svg ").count(),
            page.matches("<title>").count() - 1
        );
        assert!(page.contains("<td>81.9 µs (5.00)</td>"));
    }

    #[test]
    fn text_of_records_and_of_the_machine_is_escaped() {
        let page = html(&Records::read(FEW).unwrap(), &machine()).unwrap();
        assert!(page.contains("Fast &amp; &lt;Cheap&gt;"));
        assert!(page.contains("a&lt;b&gt;"));
        assert!(page.contains("some &amp; peer"));
        assert!(!page.contains("a<b>"));
    }

    #[test]
    fn a_page_references_no_other_file() {
        let page = html(&Records::read(FEW).unwrap(), &machine()).unwrap();
        for outside in ["src=", "<link", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn the_text_ends_with_the_lines_for_scripts() {
        let text = text(&Records::read(FEW).unwrap(), &machine());
        let expected = "two threads beside one: 2.000\n\
                        call-level geometric mean: 2.449\n\
                        query-level geometric mean: 1.500\n\
                        worst kernel: a<b> 3.000\n\
                        metering: 1.030\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains("memory: an instance 2.00 KiB\n"), "{text}");
    }
}
