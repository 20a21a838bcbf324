//! The frame of a page, and the pieces that pages share.

/// A whole page: no script, and nothing from elsewhere.
pub(super) fn page(title: &str, body: &str) -> String {
    let (title, style) = (escaped(title), include_str!("page.css"));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A part of a page under a heading.
pub(super) fn section(heading: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escaped(heading))
}

/// A table that scrolls by itself where the window is narrow. The cells are HTML already, the head is text.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> =
        head.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell))).collect();
    let head = head.concat();
    let row = |row: &Vec<String>| {
        let (first, rest) = row.split_first().expect("a row has a cell");
        let rest = rest.iter().map(|cell| format!("<td>{cell}</td>")).collect::<Vec<_>>().concat();
        format!("<tr><th scope=\"row\">{first}</th>{rest}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}

/// Name and value, one pair a line.
pub(super) fn facts(pairs: &[(&str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value))
    };
    format!("<dl>\n{}</dl>\n", pairs.iter().map(pair).collect::<String>())
}

pub(super) fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escaped(text))
}

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
