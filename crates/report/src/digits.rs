//! Numbers in words and tables.

/// A loss or an error with five decimals, from a million on with none or, where those would hide its size, with six significant digits.
///
/// ```
/// use chainrule_report::digits::significant;
///
/// assert_eq!([0.25, 0.0, 1234.5].map(significant), ["0.25000", "0.00000", "1234.50000"]);
/// assert_eq!(significant(118_495_317.333), "118495317");
/// assert_eq!([2.5e-29, -1e31, 0.00012345678].map(significant), ["2.50000e-29", "-1.00000e31", "1.23457e-4"]);
/// ```
pub fn significant(x: f64) -> String {
    match x.abs() {
        size if x == 0.0 || !x.is_finite() || (1e-3..1e6).contains(&size) => format!("{x:.5}"),
        1e6..1e9 => format!("{x:.0}"),
        _ => format!("{x:.5e}"),
    }
}

/// A loss or an error as a page shows it: as [`significant`], and from ten on with six digits, the thousands apart.
///
/// ```
/// use chainrule_report::digits::six_digits;
///
/// assert_eq!([0.25, 0.0, 1234.5678, -98_765.43].map(six_digits), ["0.25000", "0.00000", "1,234.57", "-98,765.4"]);
/// assert_eq!([118_495_317.333, 2.5e-29, 3e12].map(six_digits), ["118,495,317", "2.50000e-29", "3.00000e12"]);
/// ```
pub fn six_digits(x: f64) -> String {
    let size = x.abs();
    if !(10.0..1e9).contains(&size) {
        return significant(x);
    }
    let decimals = [100.0, 1e3, 1e4, 1e5].iter().filter(|limit| size < **limit).count();
    let text = format!("{size:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    format!("{}{whole}{rest}", if x < 0.0 { "-" } else { "" })
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

/// A ratio, such as an accuracy or R², with four decimals; what rounds to zero has no sign.
///
/// ```
/// use chainrule_report::digits::ratio;
///
/// assert_eq!([0.98614, 1.0, -0.25, -2e-5].map(ratio), ["0.9861", "1.0000", "-0.2500", "0.0000"]);
/// ```
pub fn ratio(x: f64) -> String {
    let text = format!("{x:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
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
