//! Values for the parameters of a query.

use std::str::FromStr;

use rusqlite::types::Value;

use crate::model::text;

/// A value for the parameters of a name. The SQL may write `:name`, `@name` or `$name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The name without its mark.
    pub name: String,
    /// An integer or a real if the text looks exactly like one, otherwise the text.
    pub value: Value,
}

/// Why a text is not a parameter. The message includes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// It has no name or no `=`.
    #[error("`{0}` is not `name=value`")]
    Shape(String),
    /// The number does not fit. As a text it would compare as greater than every number.
    #[error(
        "`{0}` does not fit a 64-bit integer; a text of digits goes into the SQL itself, in single quotes"
    )]
    TooBig(String),
}

impl FromStr for Parameter {
    type Err = ParameterError;

    fn from_str(argument: &str) -> Result<Self, ParameterError> {
        let shape = || ParameterError::Shape(text::printable(argument));
        let (name, value) = argument.split_once('=').ok_or_else(shape)?;
        let name = bare(name.trim());
        if name.is_empty() {
            return Err(shape());
        }
        Ok(Self {
            name: name.to_owned(),
            value: value_of(value)?,
        })
    }
}

/// Returns a parameter's name without its mark.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix([':', '@', '$', '?']).unwrap_or(name)
}

/// Returns the value of a text. `000` is a status code and not a zero: a text that an integer would print differently
/// stays a text.
fn value_of(argument: &str) -> Result<Value, ParameterError> {
    let digits = argument.strip_prefix('-').unwrap_or(argument);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(digits) {
        if digits.len() > 1 && digits.starts_with('0') {
            return Ok(Value::Text(argument.to_owned()));
        }
        return argument
            .parse()
            .map(Value::Integer)
            .map_err(|_| ParameterError::TooBig(text::printable(argument)));
    }
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if is_digits(whole)
        && is_digits(fraction)
        && is_digits(exponent)
        && let Ok(real) = argument.parse::<f64>()
        && real.is_finite()
    {
        return Ok(Value::Real(real));
    }
    Ok(Value::Text(argument.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_exactly_like_a_number_is_one() {
        let value = |argument: &str| format!("x={argument}").parse::<Parameter>().unwrap().value;
        for (argument, number) in [
            ("0", 0),
            ("200", 200),
            ("-5", -5),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(value(argument), Value::Integer(number));
        }
        for (argument, number) in [("1.5", 1.5), ("-0.25", -0.25), ("1e3", 1_000.0), ("2.5E-1", 0.25)] {
            assert_eq!(value(argument), Value::Real(number));
        }
        for argument in [
            "", "000", "007", "+5", " 5", "5 ", "1.", ".5", "1e", "1e999", "NULL", "inf", "NaN", "0x10", "-",
            "a=b",
        ] {
            assert_eq!(value(argument), Value::Text(argument.to_owned()));
        }
    }

    #[test]
    fn the_name_stands_before_the_first_equals_sign_with_or_without_its_mark() {
        for argument in ["day=a=b", ":day=a=b", "@day=a=b", "$day=a=b"] {
            let parameter: Parameter = argument.parse().unwrap();
            assert_eq!(
                (parameter.name.as_str(), parameter.value),
                ("day", Value::Text("a=b".to_owned()))
            );
        }
        for argument in ["", "day", "=5", ":=5"] {
            let error = argument.parse::<Parameter>().unwrap_err().to_string();
            assert_eq!(error, format!("`{argument}` is not `name=value`"));
        }
        assert!("x=9223372036854775808".parse::<Parameter>().is_err());
    }
}
