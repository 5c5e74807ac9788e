//! `bantime.formula`: how long a ban lasts, as an expression.
//!
//! A closed little language in the spelling of jail.conf(5), where Python is evaluated: here a text
//! becomes a tree, and the tree a number. It has numbers, `+ - * / % ** <<`, comparisons,
//! `A if C else B`, a few functions, and three names. Nothing else can be said in it.
//!
//! Every value is an IEEE double. What has no value (a division by zero, the root of a negative
//! number, a shift that is not by a whole number) is NaN; what is too great is infinite. Neither is
//! an error: [`super::Increment`] says what becomes of them.

mod parse;

use std::fmt;
use std::str::FromStr;

pub use self::parse::FormulaError;

/// The longest text, in bytes: it bounds the tree, too.
pub const LONGEST: usize = 500;

/// An expression.
#[derive(Clone, PartialEq)]
pub struct Formula {
    text: String,
    tree: Tree,
}

/// What the names in a formula stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Names {
    /// `ban.Time`: the jail's bantime, in seconds.
    pub time: f64,
    /// `ban.Count`: how many earlier bans the address has.
    pub count: f64,
    /// `banFactor`: the jail's `bantime.factor`.
    pub factor: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Number(f64),
    Name(Name),
    Negative(Box<Tree>),
    Binary(Operator, Box<(Tree, Tree)>),
    /// The value, the condition, and the value otherwise.
    If(Box<(Tree, Tree, Tree)>),
    Call(Function, Vec<Tree>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Time,
    Count,
    Factor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Shift,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Exp,
    Log,
    Sqrt,
    Floor,
    Ceil,
    Float,
    Int,
    Abs,
    Min,
    Max,
}

impl Formula {
    /// What it comes to; NaN or infinite where there is no such number.
    #[must_use]
    pub fn evaluate(&self, names: Names) -> f64 {
        self.tree.value(names)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Default for Formula {
    /// jail.conf(5)'s: each ban is twice as long as the one before, twenty times over.
    fn default() -> Self {
        let text = "ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor";
        text.parse().expect("jail.conf(5)'s own formula is one")
    }
}

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        Ok(Self { tree: parse::parse(text)?, text: text.to_owned() })
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formula({})", self.text)
    }
}

impl Tree {
    fn value(&self, names: Names) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Name(Name::Time) => names.time,
            Self::Name(Name::Count) => names.count,
            Self::Name(Name::Factor) => names.factor,
            Self::Negative(tree) => -tree.value(names),
            Self::Binary(operator, sides) => {
                operator.apply(sides.0.value(names), sides.1.value(names))
            }
            Self::If(parts) => match parts.1.value(names) {
                // What nobody knows to be true or false has no consequence either.
                condition if condition.is_nan() => f64::NAN,
                0.0 => parts.2.value(names),
                _ => parts.0.value(names),
            },
            Self::Call(function, arguments) => {
                function.apply(arguments.iter().map(|argument| argument.value(names)))
            }
        }
    }
}

impl Operator {
    #[expect(clippy::float_cmp, reason = "`==` is what is asked for")]
    fn apply(self, left: f64, right: f64) -> f64 {
        let truth = |holds: bool| match () {
            () if left.is_nan() || right.is_nan() => f64::NAN,
            () => f64::from(u8::from(holds)),
        };
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide | Self::Remainder if right == 0.0 => f64::NAN,
            Self::Divide => left / right,
            // As in Python: it has the divisor's sign.
            Self::Remainder => left - right * (left / right).floor(),
            Self::Power => left.powf(right),
            Self::Shift if left.fract() == 0.0 && right.fract() == 0.0 && right >= 0.0 => {
                left * right.exp2()
            }
            Self::Shift => f64::NAN,
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::Equal => truth(left == right),
            Self::Unequal => truth(left != right),
        }
    }
}

impl Function {
    const ALL: [(&'static str, Self); 10] = [
        ("math.exp", Self::Exp),
        ("math.log", Self::Log),
        ("math.sqrt", Self::Sqrt),
        ("math.floor", Self::Floor),
        ("math.ceil", Self::Ceil),
        ("float", Self::Float),
        ("int", Self::Int),
        ("abs", Self::Abs),
        ("min", Self::Min),
        ("max", Self::Max),
    ];

    /// Whether it takes several values.
    fn is_variadic(self) -> bool {
        matches!(self, Self::Min | Self::Max)
    }

    fn apply(self, mut arguments: impl Iterator<Item = f64>) -> f64 {
        let first = arguments.next().unwrap_or(f64::NAN);
        // Unlike f64::min, where one has no value the whole has none.
        let choose = |by: fn(f64, f64) -> f64| {
            move |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { by(a, b) }
        };
        match self {
            Self::Exp => first.exp(),
            Self::Log => first.ln(),
            Self::Sqrt => first.sqrt(),
            Self::Floor => first.floor(),
            Self::Ceil => first.ceil(),
            Self::Float => first,
            Self::Int => first.trunc(),
            Self::Abs => first.abs(),
            Self::Min => arguments.fold(first, choose(f64::min)),
            Self::Max => arguments.fold(first, choose(f64::max)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::float_cmp, reason = "every value here is exact")]
    fn same(one: f64, other: f64) -> bool {
        one == other || (one.is_nan() && other.is_nan())
    }

    #[track_caller]
    fn check(text: &str, count: u32, expected: f64) {
        let names = Names { time: 600.0, count: count.into(), factor: 2.0 };
        let value = text.parse::<Formula>().unwrap_or_else(|e| panic!("{text}: {e}"));
        let value = value.evaluate(names);
        assert!(same(value, expected), "{text}: {value}, not {expected}");
    }

    #[test]
    fn binds_as_python_does() {
        check("1 + 2 * 3", 0, 7.0);
        check("(1 + 2) * 3", 0, 9.0);
        check("2 ** 3 ** 2", 0, 512.0);
        check("-2 ** 2", 0, -4.0);
        check("2 ** -1", 0, 0.5);
        check("10 - 2 - 3", 0, 5.0);
        check("1 << 2 + 1", 0, 8.0);
        check("1 if 0 else 2 if 0 else 3", 0, 3.0);
        check("1 + 1 if 2 < 3 else 0", 0, 2.0);
        check("7 % 4 * 2", 0, 6.0);
        check("-7 % 4", 0, 1.0);
        check("1.5e1 + .5", 0, 15.5);
    }

    #[test]
    fn knows_its_names_and_functions() {
        check("ban.Time * banFactor + ban.Count", 3, 1203.0);
        check("bantime.factor", 0, 2.0);
        check("max(1, 2, 3) + min(4, 5) + abs(-1)", 0, 8.0);
        check("int(2.9) + float(1) + math.floor(1.5) + math.ceil(1.5)", 0, 6.0);
        check("math.sqrt(16) + math.log(1) + math.exp(0)", 0, 5.0);
    }

    #[test]
    fn what_has_no_value_is_not_a_number_and_what_is_too_great_infinite() {
        check("1 / 0", 0, f64::NAN);
        check("1 % 0", 0, f64::NAN);
        check("1 << 0.5", 0, f64::NAN);
        check("1 << -1", 0, f64::NAN);
        check("max(1, 1 / 0)", 0, f64::NAN);
        check("1 if 1 / 0 < 2 else 3", 0, f64::NAN);
        check("math.exp(1000)", 0, f64::INFINITY);
        check("10 ** 400", 0, f64::INFINITY);
        check("1 << 2000", 0, f64::INFINITY);
    }

    #[test]
    fn the_default_doubles_twenty_times() {
        let text = Formula::default().as_str().to_owned();
        for (count, times) in [(0, 1.0), (1, 2.0), (3, 8.0), (20, 1_048_576.0), (21, 1_048_576.0)] {
            check(&text, count, 2.0 * 600.0 * times);
        }
    }

    #[test]
    fn the_exponential_one_of_the_manual_is_understood() {
        let text = "ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)";
        let formula: Formula = text.parse().unwrap();
        let grown = |count| formula.evaluate(Names { time: 600.0, count, factor: 1.0 });
        assert!((grown(0.0) - 600.0).abs() < 1e-6);
        assert!((grown(2.0) - 600.0 * 2f64.exp()).abs() < 1e-6);
    }

    /// An expression with its value, computed while it is written, by other means than the tree.
    fn written() -> impl Strategy<Value = (String, f64)> {
        let leaf = prop_oneof![
            (0..50u32).prop_map(|number| (number.to_string(), f64::from(number))),
            Just(("ban.Time".to_owned(), 600.0)),
            Just(("ban.Count".to_owned(), 3.0)),
            Just(("banFactor".to_owned(), 2.0)),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let pair = (inner.clone(), inner.clone());
            prop_oneof![
                pair.clone().prop_map(|((a, x), (b, y))| (format!("({a}+{b})"), x + y)),
                pair.clone().prop_map(|((a, x), (b, y))| (format!("({a} - {b})"), x - y)),
                pair.clone()
                    .prop_map(|((a, x), (b, y))| (format!("({a})*({b})"), x * y))
                    .prop_map(|(text, value)| (format!("({text})"), value)),
                pair.clone().prop_map(|((a, x), (b, y))| {
                    let quotient = if y == 0.0 { f64::NAN } else { x / y };
                    (format!("({a} / {b})"), quotient)
                }),
                inner.clone().prop_map(|(a, x)| (format!("(-{a})"), -x)),
                (inner.clone(), inner.clone(), inner).prop_map(|((a, x), (b, y), (c, z))| {
                    let value = match x.partial_cmp(&y) {
                        None => f64::NAN,
                        Some(std::cmp::Ordering::Less) => z,
                        Some(_) => y,
                    };
                    (format!("({c} if {a} < {b} else {b})"), value)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn comes_to_what_an_independent_reckoning_does((text, expected) in written()) {
            prop_assume!(text.len() <= LONGEST);
            let names = Names { time: 600.0, count: 3.0, factor: 2.0 };
            let value = text.parse::<Formula>().map_err(|e| TestCaseError::fail(e.to_string()))?;
            let value = value.evaluate(names);
            prop_assert!(same(value, expected), "{text}: {value}");
        }

        #[test]
        fn any_text_is_a_formula_or_refused_with_its_place(text in "[ -~]{0,60}|[()*+<0-9banif .e-]{0,80}") {
            match text.parse::<Formula>() {
                Ok(formula) => { let _ = formula.evaluate(Names { time: 1.0, count: 1.0, factor: 1.0 }); }
                Err(error) => prop_assert!(error.column() <= text.len() + 1, "{error}"),
            }
        }
    }
}
