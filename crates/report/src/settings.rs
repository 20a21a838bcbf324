//! `config.toml`: the settings of a run.

use toml::de::{DeTable, DeValue};

/// The settings in the order of the file, as they would stand on a command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// Parses a file of settings.
    ///
    /// # Errors
    /// The number of the line and what is wrong with it, if the text is not TOML.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let table = DeTable::parse(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            (before.matches('\n').count() + 1, error.message().replace('\n', " "))
        })?;
        let mut pairs: Vec<_> = table
            .get_ref()
            .iter()
            .map(|(key, value)| (key.span().start, key.get_ref().to_string(), plain(value.get_ref())))
            .collect();
        pairs.sort_by_key(|(start, ..)| *start);
        Ok(Self { pairs: pairs.into_iter().map(|(_, key, value)| (key, value)).collect() })
    }

    /// Key and value of each setting.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of a setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(found, value)| (found == key).then_some(value))
    }
}

fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            items.iter().map(|item| plain(item.get_ref())).collect::<Vec<_>>().join(", ")
        }
        DeValue::Table(table) => {
            let pair = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| pair_of(key, value);
            table.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
    }
}

fn pair_of(key: &toml::Spanned<std::borrow::Cow<'_, str>>, value: &toml::Spanned<DeValue<'_>>) -> String {
    format!("{} = {}", key.get_ref(), plain(value.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_keep_the_order_of_the_file_and_lose_their_quotes() {
        let text =
            "# a comment = 1\nlr = 0.001\ndata = \"a = \\\"b\\\"\"\nlayers = [64, 32]\nquiet = false\n";
        let settings = Settings::parse(text).unwrap();
        let pairs: Vec<_> = settings.iter().collect();
        assert_eq!(pairs, [("lr", "0.001"), ("data", "a = \"b\""), ("layers", "64, 32"), ("quiet", "false")]);
        assert_eq!(settings.get("lr"), Some("0.001"));
        assert_eq!(settings.get("missing"), None);
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let (line, fault) = Settings::parse("lr = 1\nlayers = [\n").unwrap_err();
        assert!(line >= 2 && !fault.is_empty(), "{line}: {fault}");
    }
}
