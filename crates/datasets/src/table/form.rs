//! How the cells of a column spell numbers and dates.

use std::borrow::Cow;
use std::fmt;

use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};

use super::date::DateForm;

/// How the text of a column spells numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberForm {
    /// Digits with a decimal point, perhaps with an exponent.
    #[default]
    Plain,
    /// Numbers with a decimal comma, thousands separators, a currency or a per cent sign.
    Decorated(Decoration),
    /// Dates, read as days since 1970-01-01.
    Date(DateForm),
}

/// The marks in a decorated number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoration {
    /// The decimal point or comma.
    pub decimal: char,
    /// What separates groups of three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// The currency before or after the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether a per cent sign follows; 45 % is read as 45.
    #[serde(default)]
    pub percent: bool,
}

const CURRENCIES: [&str; 13] = ["$", "€", "£", "¥", "₹", "₽", "₩", "USD", "EUR", "GBP", "JPY", "CHF", "CNY"];
const THOUSANDS: [char; 6] = [',', '.', ' ', '\u{a0}', '\u{202f}', '\''];

impl NumberForm {
    /// Whether it is [`NumberForm::Plain`].
    pub fn is_plain(&self) -> bool {
        *self == NumberForm::Plain
    }

    /// The number that a text spells in this form; infinite if it is too large for `f64`.
    pub(crate) fn parse(&self, text: &str) -> Option<f64> {
        match self {
            NumberForm::Plain => of_any_size(text),
            NumberForm::Decorated(decoration) => decoration.parse(text),
            NumberForm::Date(form) => form.parse(text),
        }
    }

    /// A number in this form: a date, or with its currency or per cent sign.
    pub(crate) fn spelled(&self, x: f64) -> String {
        match self {
            NumberForm::Plain => x.to_string(),
            NumberForm::Date(form) => form.spelled(x),
            NumberForm::Decorated(Decoration { currency, percent, .. }) => {
                let unit = currency.as_deref().or(percent.then_some("%"));
                unit.map_or_else(|| x.to_string(), |unit| format!("{x} {unit}"))
            }
        }
    }

    /// A number, that of the text if it is one, with the unit of this form; `None` if it has none.
    pub(crate) fn example(&self, text: &str) -> Option<String> {
        let has_unit = !matches!(self, NumberForm::Date(_)) && !self.has_unit_of(&NumberForm::Plain);
        has_unit.then(|| self.spelled(plain(text).unwrap_or(50.5)))
    }

    /// Whether both are numbers with the same currency or per cent sign, or none.
    pub(crate) fn has_unit_of(&self, other: &Self) -> bool {
        let unit = |form: &Self| match form {
            NumberForm::Plain => Some((None, false)),
            NumberForm::Decorated(Decoration { currency, percent, .. }) => Some((currency.clone(), *percent)),
            NumberForm::Date(_) => None,
        };
        unit(self).is_some_and(|own| unit(other) == Some(own))
    }

    /// The decimal mark; `None` of dates.
    pub(crate) fn decimal(&self) -> Option<char> {
        match self {
            NumberForm::Plain => Some('.'),
            NumberForm::Decorated(decoration) => Some(decoration.decimal),
            NumberForm::Date(_) => None,
        }
    }

    /// A number without a unit as it is in plain digits with a decimal point; `None` in a form of dates or with a unit.
    pub(crate) fn digits<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        match self {
            NumberForm::Plain => Some(text.into()),
            NumberForm::Decorated(Decoration { decimal, thousands, currency: None, percent: false }) => {
                let (bare, sign) = match accounting(text) {
                    Some(inside) => (inside, "-"),
                    None => (text, ""),
                };
                let mark = |c: char| match c {
                    '−' => '-',
                    c if c == *decimal => '.',
                    c => c,
                };
                let kept = bare.chars().filter(|c| Some(*c) != *thousands && !c.is_whitespace());
                Some(sign.chars().chain(kept.map(mark)).collect())
            }
            NumberForm::Decorated(_) | NumberForm::Date(_) => None,
        }
    }

    /// All forms in which a text is a number, the simplest first. `decimal` and `thousands` restrict them.
    pub(crate) fn all(text: &str, decimal: Option<char>, thousands: Option<char>) -> Vec<Self> {
        let mut forms = Vec::new();
        if decimal.is_none_or(|decimal| decimal == '.') && thousands.is_none() {
            forms.push(NumberForm::Plain);
        }
        let (bare, currency, percent) = undecorated(text);
        let currency = currency.map(str::to_owned);
        for mark in ['.', ','].into_iter().filter(|&mark| decimal.is_none_or(|decimal| decimal == mark)) {
            let without = thousands.is_none().then_some(None);
            let given = THOUSANDS
                .into_iter()
                .chain(thousands.filter(|given| !THOUSANDS.contains(given)))
                .filter(|&separator| separator != mark && thousands.is_none_or(|given| given == separator));
            for thousands in without.into_iter().chain(given.map(Some)) {
                if mark == '.' && thousands.is_none() && currency.is_none() && !percent {
                    continue;
                }
                forms.push(NumberForm::Decorated(Decoration {
                    decimal: mark,
                    thousands,
                    currency: currency.clone(),
                    percent,
                }));
            }
        }
        if bare.contains(|c: char| c.is_ascii_digit()) {
            forms.extend(DateForm::ALL.map(NumberForm::Date));
        }
        forms.retain(|form| form.parse(text).is_some());
        forms
    }
}

impl fmt::Display for NumberForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberForm::Plain => f.write_str("plain"),
            NumberForm::Date(DateForm::TimeOfDay) => f.write_str("time of day"),
            NumberForm::Date(_) => f.write_str("date"),
            NumberForm::Decorated(Decoration { decimal, thousands, currency, percent }) => {
                let mut words = Vec::new();
                if *decimal == ',' {
                    words.push("decimal comma".to_owned());
                }
                match thousands {
                    None => {}
                    Some(',') => words.push("thousands comma".to_owned()),
                    Some('.') => words.push("thousands point".to_owned()),
                    Some('\'') => words.push("thousands apostrophe".to_owned()),
                    Some(mark) if mark.is_whitespace() => words.push("thousands blank".to_owned()),
                    Some(mark) => words.push(format!("thousands {mark}")),
                }
                words.extend(currency.clone());
                if *percent {
                    words.push("per cent".to_owned());
                }
                if words.is_empty() {
                    words.push("negative numbers in brackets or as − 5".to_owned());
                }
                f.write_str(&words.join(", "))
            }
        }
    }
}

/// The number in a text of digits with a decimal point. Unlike `f64::from_str` it takes no `inf`, `infinity` and `nan`, which are
/// words, and no number beyond `f64`.
pub(crate) fn plain(text: &str) -> Option<f64> {
    of_any_size(text).filter(|x| x.is_finite())
}

/// The same, and infinity for a number beyond `f64`.
pub(crate) fn of_any_size(text: &str) -> Option<f64> {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    let digits = begins && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if digits { text.parse().ok() } else { None }
}

/// What to say of a number that is infinite as `A`: `text` spells `x`.
pub(crate) fn too_large<A: Scalar>(text: &str, x: f64) -> String {
    let (number, largest, cure) = if x.is_finite() {
        (A::NAME, A::max_value().as_f64(), ", or train with --dtype f64")
    } else {
        (f64::NAME, f64::MAX, "")
    };
    format!(
        "{text:?} is too large for {number}, whose largest number is {largest:.1e}: correct it or drop the row{cure}"
    )
}

/// The name of a class or word in a cell: its text. A whole number that a program writes as `+1` or `1.0` is `1`; one with leading zeros or
/// an exponent is a name.
pub(crate) fn spelling(cell: &str) -> &str {
    let text = cell.strip_prefix('+').unwrap_or(cell);
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_canonical = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    match (is_canonical, whole) {
        (true, "-0") => "0",
        (true, whole) => whole,
        (false, _) => cell,
    }
}

/// What is inside the brackets of a negative number as accountants write it.
fn accounting(text: &str) -> Option<&str> {
    text.strip_prefix('(')?.strip_suffix(')')
}

/// A text without a sign, currency and per cent sign; the currency, and whether there is a per cent sign.
fn undecorated(text: &str) -> (&str, Option<&str>, bool) {
    let text = accounting(text).unwrap_or(text).trim_start_matches(['-', '+', '−']).trim();
    let (text, percent) = match text.strip_suffix('%') {
        Some(rest) => (rest.trim_end(), true),
        None => (text, false),
    };
    for currency in CURRENCIES {
        if let Some(rest) = text.strip_prefix(currency).or_else(|| text.strip_suffix(currency)) {
            return (rest.trim(), Some(currency), percent);
        }
    }
    (text, None, percent)
}

impl Decoration {
    pub(super) fn parse(&self, text: &str) -> Option<f64> {
        let (bare, currency, percent) = undecorated(text);
        if currency != self.currency.as_deref() || percent != self.percent {
            return None;
        }
        // A decimal point with an exponent is plain.
        let exponent = bare.split_once(['e', 'E']).filter(|_| self.decimal == ',' && currency.is_none());
        let (bare, text) = match exponent {
            Some((bare, exponent)) => (bare, text.strip_suffix(exponent)?),
            None => (bare, text),
        };
        // The sign stands before the currency or after it.
        let inner = bare.trim_start_matches(['-', '+', '−']);
        let signs = text.chars().filter(|c| "-+−(".contains(*c)).count();
        let negative = text.contains(['-', '−', '(']);
        if signs > 1 || (inner.contains(['-', '+', '−'])) {
            return None;
        }
        let (whole, fraction) = match inner.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (inner, None),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let mut digits = String::with_capacity(inner.len() + 1);
        match self.thousands {
            Some(separator) if whole.contains(separator) => {
                for (place, group) in whole.split(separator).enumerate() {
                    // No thousand begins with 0.
                    let begins = (1..=3).contains(&group.len()) && !group.starts_with('0');
                    let fits = if place == 0 { begins } else { group.len() == 3 };
                    if !fits || !is_digits(group) {
                        return None;
                    }
                    digits.push_str(group);
                }
            }
            _ if is_digits(whole) => digits.push_str(whole),
            _ => return None,
        }
        if let Some(fraction) = fraction {
            if !is_digits(fraction) {
                return None;
            }
            digits.push('.');
            digits.push_str(fraction);
        }
        if !digits.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Some((_, exponent)) = exponent {
            digits.push('e');
            digits.push_str(exponent);
        }
        let x: f64 = digits.parse().ok()?;
        Some(if negative { -x } else { x })
    }

    /// Whether the text of a number uses the separator between thousands.
    pub(crate) fn separates(&self, text: &str) -> bool {
        // A blank after a sign separates nothing.
        self.thousands.is_some_and(|separator| undecorated(text).0.contains(separator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str, decimal: char, thousands: Option<char>) -> Option<f64> {
        let (_, currency, percent) = undecorated(text);
        Decoration { decimal, thousands, currency: currency.map(str::to_owned), percent }.parse(text)
    }

    #[test]
    fn decorated_numbers_are_what_they_spell() {
        assert_eq!(only("0,5", ',', None), Some(0.5));
        assert_eq!(only("-1.234,5", ',', Some('.')), Some(-1234.5));
        assert_eq!(only("5,010", '.', Some(',')), Some(5010.0));
        assert_eq!(only("5,010", ',', None), Some(5.01));
        assert_eq!(only("1'234'567.25", '.', Some('\'')), Some(1_234_567.25));
        assert_eq!(only("45.2%", '.', None), Some(45.2));
        assert_eq!(only("45,2 %", ',', None), Some(45.2));
        assert_eq!(only("$5,010", '.', Some(',')), Some(5010.0));
        assert_eq!(only("-$0.50", '.', None), Some(-0.5));
        assert_eq!(only("$-0.50", '.', None), Some(-0.5));
        assert_eq!(only("12,50 €", ',', None), Some(12.5));
        assert_eq!(only("EUR 12", '.', None), Some(12.0));
        assert_eq!(only("(5.5)", '.', None), Some(-5.5));
        assert_eq!(only("($1,005.5)", '.', Some(',')), Some(-1005.5));
        assert_eq!(only("1,25E-05", ',', None), Some(1.25e-5));
        assert_eq!(only("-1,5e+3", ',', None), Some(-1500.0));
        for (text, decimal, thousands) in [
            ("5,01", '.', Some(',')),
            ("50,10", '.', Some(',')),
            (",010", '.', Some(',')),
            ("1,2,3", ',', None),
            ("--1", '.', None),
            ("1-2", '.', None),
            ("$", '.', None),
            ("", '.', None),
            (".", '.', None),
            ("1e5", '.', None),
            ("12a", '.', None),
            ("(5", '.', None),
            ("(-5)", '.', None),
            ("()", '.', None),
            ("1,5e", ',', None),
            ("1,5e2e3", ',', None),
            ("0,500", '.', Some(',')),
        ] {
            assert_eq!(only(text, decimal, thousands), None, "{text}");
        }
    }

    #[test]
    fn words_that_rust_reads_as_numbers_are_words() {
        for word in ["inf", "-inf", "infinity", "nan", "NaN", "1e999", "1_000", "0x10", "e5", "-", "+", "."] {
            assert_eq!(plain(word), None, "{word}");
        }
        for (text, x) in [("-1.5e3", -1500.0), ("+7", 7.0), (".5", 0.5), ("5.", 5.0), ("007", 7.0)] {
            assert_eq!(plain(text), Some(x));
        }
    }

    #[test]
    fn a_number_without_a_unit_has_plain_digits() {
        for (text, digits) in
            [("0,0", "0.0"), ("1.101", "1101"), ("− 01", "-01"), ("(7)", "-7"), ("+1e2", "+1e2")]
        {
            let form = NumberForm::Decorated(Decoration {
                decimal: ',',
                thousands: Some('.'),
                currency: None,
                percent: false,
            });
            assert_eq!(form.digits(text).as_deref(), Some(digits));
            assert_eq!(form.parse(text), plain(digits), "{text}");
        }
        let price = NumberForm::all("$5", None, None).remove(0);
        assert_eq!(price.digits("$5"), None);
    }

    #[test]
    fn the_options_restrict_the_forms() {
        let forms = |text, decimal, thousands| {
            NumberForm::all(text, decimal, thousands)
                .iter()
                .filter_map(|form| form.parse(text))
                .collect::<Vec<_>>()
        };
        assert_eq!(forms("0.5", None, None)[0], 0.5);
        assert_eq!(forms("5,010", Some(','), None), [5.01; 6]);
        assert_eq!(forms("5,010", None, Some(',')), [5010.0]);
        assert_eq!(forms("1;5", None, None), [0.0; 0]);
    }
}
