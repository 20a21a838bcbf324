//! Colours and letters of plots, for light and for dark ground.

use std::fmt::Write as _;

/// Colours that people with any colour vision tell apart (Okabe and Ito), for light and for dark ground.
pub(super) const COLOURS: [(&str, &str); 8] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff8c42"),
    ("#009e73", "#3ddbaa"),
    ("#aa4499", "#e89ad0"),
    ("#997700", "#f0e442"),
    ("#333333", "#dddddd"),
    ("#117733", "#88cc66"),
    ("#882255", "#f28ab2"),
];
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// Number of the colour, and the dashes, of a style: neighbours differ in both, the first 32 styles differ from each other, and so do the
/// dashes of like colours, which are four places apart.
pub(super) fn colour_and_dash(style: usize) -> (usize, &'static str) {
    let shift = style / 4 + style / 16;
    (style % COLOURS.len(), DASHES[(style + shift) % DASHES.len()])
}

/// The rules of CSS for all plots of a page, or of a file.
pub(crate) fn css() -> String {
    let mut style = String::from(
        ".plot{color-scheme:light dark;font:13px system-ui,sans-serif}\
         .plot text{fill:#333}.plot .title{font-size:16px;font-weight:600;fill:#111}.plot .tick{font-size:12px;fill:#666}\n\
         .plot .ground{fill:#fff}.plot .grid{stroke:#e6e6e6;fill:none}\
         .plot .guide{fill:none;stroke:#888;stroke-dasharray:3 3}.plot .faint{fill:none;stroke:#8c8f94}\n\
         .plot .line{fill:none;stroke-width:2;stroke-linejoin:round}.plot .stem{fill:none;stroke-width:1.2}\
         .plot .dot{fill-opacity:.65;stroke:none}.plot .bar{fill-opacity:.55}.plot .ring{fill:none;stroke-width:1.5}\n",
    );
    colours(&mut style, |(light, _)| light);
    style.push_str(
        "@media (prefers-color-scheme:dark){.plot text{fill:#ccc}.plot .title{fill:#fff}.plot .tick{fill:#999}\
         .plot .ground{fill:#16181d}.plot .grid{stroke:#2c3038}.plot .guide{stroke:#888}.plot .faint{stroke:#767d8a}\n",
    );
    colours(&mut style, |(_, dark)| dark);
    style.push_str("}\n");
    style
}

fn colours(style: &mut String, of: impl Fn((&'static str, &'static str)) -> &'static str) {
    for (i, &pair) in COLOURS.iter().enumerate() {
        let colour = of(pair);
        let rules = format_args!(
            ".plot .c{i}{{stroke:{colour}}}.plot .dot.c{i},.plot .bar.c{i}{{fill:{colour}}}.tip .c{i}{{background:{colour}}}\n"
        );
        style.write_fmt(rules).expect("a string takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_styles_are_told_apart_and_neighbours_in_colour_and_dashes() {
        let styles: Vec<_> = (0..32).map(colour_and_dash).collect();
        for (i, style) in styles.iter().enumerate() {
            assert!(!styles[..i].contains(style), "{i} repeats {style:?}");
        }
        assert!(styles.windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 != pair[1].1));
        assert!(styles[..8].windows(5).all(|five| five[0].1 != five[4].1));
    }
}
