//! The report's part about cost models: every figure with its source and how far to trust it.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use super::escape;
use crate::lab::store::RunInfo;

/// The tables of a model that hold figures.
const TABLES: [(&str, &str); 4] = [
    ("cycles", "what hardware events cost"),
    ("extension", "what the extension's events cost"),
    ("padding", "what is added where software passes a marked point"),
    ("uncharged", "known, but never raised here"),
];

pub(super) fn section(html: &mut String, info: &RunInfo) -> Result<()> {
    *html += "<h2 id=\"models\">Cost models</h2>\n";
    for (name, model) in &info.models {
        let about = model["about"].as_str().unwrap_or("");
        writeln!(html, "<details><summary>{}: {}</summary>", escape(name), escape(about))?;
        for (table, what) in TABLES {
            let Some(rows) = model[table].as_object().filter(|rows| !rows.is_empty()) else { continue };
            writeln!(
                html,
                "<h3>{table}: {what}</h3><table class=\"sortable\"><thead><tr><th class=\"text\">event</th><th>cycles</th>\
                 <th class=\"text\">confidence</th><th class=\"text\">source</th></tr></thead><tbody>"
            )?;
            for (event, row) in rows {
                figure(html, event, row)?;
            }
            *html += "</tbody></table>\n";
        }
        *html += "</details>\n";
    }
    Ok(())
}

fn figure(html: &mut String, event: &str, row: &Value) -> Result<()> {
    let text = |field: &str| escape(row[field].as_str().unwrap_or(""));
    let note = match text("note") {
        note if note.is_empty() => note,
        note => format!(" <span class=\"note\">{note}</span>"),
    };
    writeln!(
        html,
        "<tr><td class=\"text\">{}</td><td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}{note}</td></tr>",
        escape(event),
        row["value"],
        text("confidence"),
        text("source")
    )?;
    Ok(())
}
