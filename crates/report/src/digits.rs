//! Numbers in words and tables.

/// A loss or an error: with five decimals below 10, with six significant digits above, with all of its whole ones from a million on, and
/// in powers of ten where those would hide its size.
///
/// ```
/// use chainrule_report::digits::significant;
///
/// assert_eq!([0.25, 0.0, -2.302585].map(significant), ["0.25000", "0.00000", "-2.30259"]);
/// assert_eq!([12.345678, 1234.5, 12345.6789].map(significant), ["12.3457", "1234.50", "12345.7"]);
/// assert_eq!([999_999.9, 118_495_317.333].map(significant), ["1000000", "118495317"]);
/// assert_eq!([2.5e-29, -1e31, 0.00012345678].map(significant), ["2.50000e-29", "-1.00000e31", "1.23457e-4"]);
/// ```
pub fn significant(x: f64) -> String {
    match x.abs() {
        size if x == 0.0 || !x.is_finite() || (1e-3..10.0).contains(&size) => format!("{x:.5}"),
        size @ 10.0..1e9 => format!("{x:.0$}", 5_usize.saturating_sub(size.log10() as usize)),
        _ => format!("{x:.5e}"),
    }
}

/// A number of a forward or a backward pass: with four decimals below 10, as [`significant`] above, and with four digits in powers of ten
/// where those would hide its size.
///
/// ```
/// use chainrule_report::digits::compact;
///
/// assert_eq!([0.0, 0.25, -2.302585].map(compact), ["0", "0.2500", "-2.3026"]);
/// assert_eq!([-1371.5625, 263_425.53, 2.6e9].map(compact), ["-1371.56", "263426", "2.60000e9"]);
/// assert_eq!([1.2345e-5, -2.7e-33].map(compact), ["1.234e-5", "-2.700e-33"]);
/// ```
pub fn compact(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if (1e-3..10.0).contains(&size) => format!("{x:.4}"),
        size if size < 1e-3 => format!("{x:.3e}"),
        _ => significant(x),
    }
}

/// Two numbers as [`compact`] shows them, with as many digits more as it takes to see that they differ.
///
/// ```
/// use chainrule_report::digits::apart;
///
/// assert_eq!(apart(263_425.5, 264_797.0), ["263426", "264797"]);
/// assert_eq!(apart(263_425.25, 263_425.0), ["263425.2", "263425.0"]);
/// assert_eq!(apart(2.0, 2.000_001), ["2.000000", "2.000001"]);
/// assert_eq!(apart(3.0, 3.0), ["3.0000", "3.0000"]);
/// ```
pub fn apart(a: f64, b: f64) -> [String; 2] {
    const MOST: usize = 17;
    let texts = |text: &dyn Fn(f64) -> String| [text(a), text(b)];
    let differ = |[a, b]: &[String; 2]| a != b;
    let usual = texts(&compact);
    if a == b || differ(&usual) {
        return usual;
    }
    let is_readable = (1e-3..1e12).contains(&a.abs());
    let with = |digits: usize| {
        texts(&|x| if is_readable { format!("{x:.digits$}") } else { format!("{x:.digits$e}") })
    };
    (0..=MOST).map(with).find(differ).unwrap_or(usual)
}

/// A loss or an error as a page shows it: as [`significant`], and from ten on with six digits, the thousands apart.
///
/// ```
/// use chainrule_report::digits::six_digits;
///
/// assert_eq!([0.25, 0.0, 1234.5678, -98_765.43].map(six_digits), ["0.25000", "0.00000", "1,234.57", "−98,765.4"]);
/// assert_eq!([118_495_317.333, 2.5e-29, 3e12].map(six_digits), ["118,495,317", "2.50000e−29", "3.00000e12"]);
/// ```
pub fn six_digits(x: f64) -> String {
    let text = significant(x.abs());
    if !(10.0..1e9).contains(&x.abs()) {
        return typeset(&significant(x));
    }
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    format!("{}{whole}{rest}", if x < 0.0 { "−" } else { "" })
}

/// A setting as a page shows it: a number with as many digits as anyone reads.
///
/// ```
/// use chainrule_report::digits::readable;
///
/// assert_eq!(["0.012711864406779662", "0.001", "64-10"].map(readable), ["0.0127119", "0.001", "64-10"]);
/// assert_eq!(["1.2345678901e-12", "12345678901234"].map(readable), ["1.23457e-12", "12345678901234"]);
/// ```
pub fn readable(setting: &str) -> String {
    let number =
        setting.parse::<f64>().ok().filter(|x| x.is_finite() && setting.len() > 10 && setting.contains('.'));
    match number.and_then(|x| format!("{x:.5e}").parse::<f64>().ok()) {
        Some(x) if (1e-4..1e9).contains(&x.abs()) || x == 0.0 => x.to_string(),
        Some(x) => format!("{x:e}"),
        None => setting.to_owned(),
    }
}

/// A ratio, such as an accuracy or R², with four decimals; what rounds to zero has no sign, and an R² far below 0 has six significant
/// digits. One that is not defined, such as R² of targets that do not vary, is a dash.
///
/// ```
/// use chainrule_report::digits::ratio;
///
/// assert_eq!([0.98614, 1.0, -0.25, -2e-5].map(ratio), ["0.9861", "1.0000", "-0.2500", "0.0000"]);
/// assert_eq!([-12345.6789, f64::NAN].map(ratio), ["-12345.7", "–"]);
/// ```
pub fn ratio(x: f64) -> String {
    if x.is_nan() {
        return "–".to_owned();
    }
    if x.abs() >= 10.0 {
        return significant(x);
    }
    let text = format!("{x:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

/// A [`ratio`] as a page shows it.
///
/// ```
/// use chainrule_report::digits::four_decimals;
///
/// assert_eq!([0.98614, -0.25, f64::NAN].map(four_decimals), ["0.9861", "−0.2500", "–"]);
/// ```
pub fn four_decimals(x: f64) -> String {
    typeset(&ratio(x))
}

/// A number with the minus sign of a typesetter, which is as wide as a digit.
pub(crate) fn typeset(number: &str) -> String {
    number.replace('-', "−")
}

/// A probability in per cent: what is nearly certain is not certain, and what is nearly impossible is not impossible. No sigmoid or softmax
/// gives 0 or 1 but by rounding.
///
/// ```
/// use chainrule_report::digits::percent;
///
/// assert_eq!([0.5, 0.99949, 0.0005].map(percent), ["50.0 %", "99.9 %", "0.1 %"]);
/// assert_eq!([0.99999, 1.0, 1e-6, 0.0].map(percent), ["> 99.9 %", "> 99.9 %", "< 0.1 %", "< 0.1 %"]);
/// ```
pub fn percent(probability: f64) -> String {
    match 100.0 * probability {
        percent if percent >= 99.95 => "> 99.9 %".to_owned(),
        percent if percent < 0.05 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// The number with six significant digits, as many as anyone reads off a plot or a table.
pub(crate) fn short(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Seconds in a unit that suits them.
///
/// ```
/// use chainrule_report::digits::duration;
///
/// assert_eq!([0.0, 4.2e-5, 0.0123, 0.5].map(duration), ["0 s", "42 µs", "12.3 ms", "500 ms"]);
/// assert_eq!([1.0, 59.94, 61.0, 7384.0].map(duration), ["1.00 s", "59.9 s", "1 min 1 s", "2 h 3 min"]);
/// ```
pub fn duration(seconds: f64) -> String {
    let three = |x: f64| format!("{x:.0$}", if x < 9.995 { 2 } else { usize::from(x < 99.95) });
    match seconds {
        s if !s.is_finite() || s <= 0.0 => "0 s".to_owned(),
        s if s < 0.999_5e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.999_5 => format!("{} ms", three(s * 1e3)),
        s if s < 59.95 => format!("{} s", three(s)),
        s if s < 3599.5 => format!("{} min {} s", s.round() as u64 / 60, s.round() as u64 % 60),
        s => format!("{} h {} min", (s / 60.0).round() as u64 / 60, (s / 60.0).round() as u64 % 60),
    }
}

/// A whole number with its thousands apart.
///
/// ```
/// assert_eq!([7, 61_706, 1_234_567].map(chainrule_report::digits::grouped), ["7", "61,706", "1,234,567"]);
/// ```
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let parts = digits.as_bytes().rchunks(3).rev().map(|part| String::from_utf8_lossy(part).into_owned());
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_it_was_typed_and_one_that_was_computed_with_few_digits() {
        for typed in ["0.001", "1e-4", "0.00012345", "20261130", "1.5e300", "256-128", "12345678901234567890"]
        {
            assert_eq!(readable(typed), typed);
        }
        assert_eq!(readable("0.0005000000237487257"), "0.0005");
        assert_eq!(readable("0.0005001667222407469"), "0.000500167");
    }
}
