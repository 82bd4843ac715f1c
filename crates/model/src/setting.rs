//! Configuration parameters: types, units, and when two spellings are one value.

/// What is needed to compare values of a parameter (`pg_settings`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `vartype`.
    pub value_type: ValueType,
    /// `unit`: what a number without one is counted in.
    pub unit: Option<String>,
}

/// `pg_settings.vartype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `integer` and `real`
    Number,
    /// `enum` and `string`
    Text,
}

impl ValueType {
    /// By its name in `pg_settings`.
    pub fn named(vartype: &str) -> Self {
        match vartype {
            "bool" => Self::Bool,
            "integer" | "real" => Self::Number,
            _ => Self::Text,
        }
    }
}

impl Parameter {
    /// `text` in bytes, in milliseconds, or as it is where there is no unit; `None` when it is no number.
    pub fn number(&self, text: &str) -> Option<f64> {
        let text = text.trim();
        let end = text.find(|letter: char| !(letter.is_ascii_digit() || ".-+".contains(letter))).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let value: f64 = digits.parse().ok()?;
        let unit = if unit.trim().is_empty() { self.unit.as_deref().unwrap_or("") } else { unit.trim() };
        Some(value * scale(unit)?)
    }

    /// `value` in the parameter's own unit, as a configuration file takes it: `16384` of `8kB` is `131072kB`.
    pub fn with_unit(&self, value: &str) -> String {
        match (self.value_type, &self.unit, value.parse::<i64>()) {
            (ValueType::Number, Some(unit), Ok(number)) => {
                let digits = unit.chars().take_while(char::is_ascii_digit).count();
                let (factor, unit) = unit.split_at(digits);
                match number.checked_mul(factor.parse().unwrap_or(1)) {
                    // Special values such as -1 and 0 have no unit.
                    Some(total) if number > 0 => format!("{total}{unit}"),
                    _ => value.to_owned(),
                }
            }
            _ => value.to_owned(),
        }
    }
}

/// Whether two spellings are one value: `on` and `true`, `256MB` and `32768` pages.
///
/// Numbers are compared in bytes and milliseconds, as `convert_to_base_unit` (`utils/misc/guc.c`) understands them; names regardless of case.
pub fn same_value(one: &str, other: &str, parameter: &Parameter) -> bool {
    match parameter.value_type {
        ValueType::Text => one.eq_ignore_ascii_case(other),
        ValueType::Bool => boolean(one).is_some() && boolean(one) == boolean(other),
        ValueType::Number => match (parameter.number(one), parameter.number(other)) {
            (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
            _ => one == other,
        },
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn scale(unit: &str) -> Option<f64> {
    let digits = unit.chars().take_while(char::is_ascii_digit).count();
    let (factor, unit) = unit.split_at(digits);
    let factor: f64 = if factor.is_empty() { 1.0 } else { factor.parse().ok()? };
    let base = match unit {
        "" | "B" | "ms" => 1.0,
        "kB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(factor * base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(vartype: &str, unit: Option<&str>) -> Parameter {
        Parameter { value_type: ValueType::named(vartype), unit: unit.map(str::to_owned) }
    }

    #[test]
    fn spellings_of_one_value_are_the_same() {
        let pages = parameter("integer", Some("8kB"));
        assert!(same_value("256MB", "32768", &pages) && same_value("0.25GB", "262144kB", &pages));
        assert!(!same_value("256MB", "32769", &pages));
        let time = parameter("integer", Some("ms"));
        assert!(same_value("1min", "60000", &time) && same_value("-1", "-1", &time));
        assert!(same_value("1.10", "1.1", &parameter("real", None)));
        assert!(same_value("TRUE", "on", &parameter("bool", None)) && !same_value("maybe", "maybe", &parameter("bool", None)));
        assert!(same_value("Replica", "replica", &parameter("enum", None)));
    }

    #[test]
    fn a_value_in_its_own_unit_is_written_with_it() {
        let pages = parameter("integer", Some("8kB"));
        assert_eq!(pages.with_unit("16384"), "131072kB");
        assert_eq!(pages.with_unit("-1"), "-1");
        assert_eq!(parameter("integer", Some("s")).with_unit("30"), "30s");
        assert_eq!(parameter("real", None).with_unit("1.1"), "1.1");
    }
}
