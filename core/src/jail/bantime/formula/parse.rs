//! From a formula's text to its tree: recursive descent, with Python's precedences.
//!
//! Source: "Operator precedence" in the Python language reference.

use super::{Function, LONGEST, Name, Operator, Tree};
use crate::printable::Printable;

/// How deep expressions nest at most.
const DEEPEST: u32 = 32;

/// Why a text is no formula. Operators read this after the text itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a formula: {what}, at column {column}")]
pub struct FormulaError {
    what: String,
    column: usize,
}

impl FormulaError {
    /// Where, in bytes from 1; one past the end where something is missing there.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

/// A word of the language, and where it begins.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    word: &'a str,
    at: usize,
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    depth: u32,
}

/// Every sign of more than one byte, before those that it begins with.
const SIGNS: [&str; 6] = ["**", "<<", "<=", ">=", "==", "!="];

/// Reads a formula.
pub(super) fn parse(text: &str) -> Result<Tree, FormulaError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if text.len() > LONGEST {
        return Err(error(LONGEST, format!("it is longer than {LONGEST} bytes")));
    }
    let tree = parser.expression()?;
    match parser.peek()? {
        None => Ok(tree),
        Some(token) => Err(unexpected(token)),
    }
}

impl<'a> Parser<'a> {
    /// `A if C else B`, or a comparison.
    fn expression(&mut self) -> Result<Tree, FormulaError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(self.at, format!("it nests deeper than {DEEPEST} times")));
        }
        let value = self.comparison()?;
        let tree = if self.eat("if")? {
            let condition = self.comparison()?;
            self.expect("else")?;
            Tree::If(Box::new((value, condition, self.expression()?)))
        } else {
            value
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn comparison(&mut self) -> Result<Tree, FormulaError> {
        let left = self.shift()?;
        let Some(operator) = self.operator(comparison)? else { return Ok(left) };
        let tree = binary(operator, left, self.shift()?);
        if let Some(token) = self.peek()?
            && comparison(token.word).is_some()
        {
            return Err(error(token.at, "comparisons do not chain; use parentheses".to_owned()));
        }
        Ok(tree)
    }

    fn shift(&mut self) -> Result<Tree, FormulaError> {
        self.chain(|word| (word == "<<").then_some(Operator::Shift), Self::sum)
    }

    fn sum(&mut self) -> Result<Tree, FormulaError> {
        let operator = |word: &str| match word {
            "+" => Some(Operator::Add),
            "-" => Some(Operator::Subtract),
            _ => None,
        };
        self.chain(operator, Self::term)
    }

    fn term(&mut self) -> Result<Tree, FormulaError> {
        let operator = |word: &str| match word {
            "*" => Some(Operator::Multiply),
            "/" => Some(Operator::Divide),
            "%" => Some(Operator::Remainder),
            _ => None,
        };
        self.chain(operator, Self::unary)
    }

    /// Operands joined by operators of one precedence, from left to right.
    fn chain(
        &mut self,
        which: fn(&str) -> Option<Operator>,
        operand: fn(&mut Self) -> Result<Tree, FormulaError>,
    ) -> Result<Tree, FormulaError> {
        let mut tree = operand(self)?;
        while let Some(operator) = self.operator(which)? {
            tree = binary(operator, tree, operand(self)?);
        }
        Ok(tree)
    }

    fn unary(&mut self) -> Result<Tree, FormulaError> {
        let mut negative = false;
        loop {
            if self.eat("-")? {
                negative = !negative;
            } else if !self.eat("+")? {
                break;
            }
        }
        let tree = self.power()?;
        Ok(if negative { Tree::Negative(Box::new(tree)) } else { tree })
    }

    fn power(&mut self) -> Result<Tree, FormulaError> {
        let base = self.atom()?;
        if !self.eat("**")? {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(self.at, format!("it nests deeper than {DEEPEST} times")));
        }
        let exponent = self.unary()?;
        self.depth -= 1;
        Ok(binary(Operator::Power, base, exponent))
    }

    fn atom(&mut self) -> Result<Tree, FormulaError> {
        let Some(token) = self.next()? else {
            return Err(error(self.text.len(), "it ends too early".to_owned()));
        };
        if token.word == "(" {
            let tree = self.expression()?;
            self.expect(")")?;
            return Ok(tree);
        }
        match token.word.as_bytes()[0] {
            b'0'..=b'9' | b'.' => number(token),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.named(token),
            _ => Err(unexpected(token)),
        }
    }

    /// A name, or the call of a function.
    fn named(&mut self, token: Token<'a>) -> Result<Tree, FormulaError> {
        match token.word {
            "ban.Time" => return Ok(Tree::Name(Name::Time)),
            "ban.Count" => return Ok(Tree::Name(Name::Count)),
            "banFactor" | "bantime.factor" => return Ok(Tree::Name(Name::Factor)),
            "if" | "else" => return Err(unexpected(token)),
            _ => {}
        }
        let known = Function::ALL.iter().find(|(name, _)| *name == token.word);
        let Some(&(name, function)) = known else { return Err(unknown(token)) };
        self.expect("(")?;
        let mut arguments = vec![self.expression()?];
        while self.eat(",")? {
            if !function.is_variadic() {
                return Err(error(token.at, format!("`{name}` takes one value")));
            }
            arguments.push(self.expression()?);
        }
        self.expect(")")?;
        Ok(Tree::Call(function, arguments))
    }

    /// Takes an operator, if one of these is next.
    fn operator(
        &mut self,
        which: fn(&str) -> Option<Operator>,
    ) -> Result<Option<Operator>, FormulaError> {
        let found = self.peek()?.and_then(|token| which(token.word));
        if found.is_some() {
            self.next()?;
        }
        Ok(found)
    }

    fn eat(&mut self, word: &str) -> Result<bool, FormulaError> {
        let is_next = self.peek()?.is_some_and(|token| token.word == word);
        if is_next {
            self.next()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, word: &str) -> Result<(), FormulaError> {
        if self.eat(word)? {
            return Ok(());
        }
        let (at, found) = match self.peek()? {
            Some(token) => (token.at, format!("`{}`", token.word)),
            None => (self.text.len(), "the end".to_owned()),
        };
        Err(error(at, format!("`{word}` is missing before {found}")))
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, FormulaError> {
        let token = self.peek()?;
        if let Some(token) = token {
            self.at = token.at + token.word.len();
        }
        Ok(token)
    }

    fn peek(&self) -> Result<Option<Token<'a>>, FormulaError> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\n']);
        let at = self.text.len() - rest.len();
        let Some(first) = rest.bytes().next() else { return Ok(None) };
        let word = match first {
            b'0'..=b'9' | b'.' => &rest[..number_length(rest)],
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => &rest[..name_length(rest)],
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => &rest[..sign.len()],
                None if b"()+-*/%<>,".contains(&first) => &rest[..1],
                None => {
                    let length = rest.chars().next().map_or(0, char::len_utf8);
                    let odd = Printable(&rest.as_bytes()[..length]);
                    return Err(error(at, format!("`{odd}` means nothing here")));
                }
            },
        };
        Ok(Some(Token { word, at }))
    }
}

fn comparison(word: &str) -> Option<Operator> {
    Some(match word {
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "==" => Operator::Equal,
        "!=" => Operator::Unequal,
        _ => return None,
    })
}

fn binary(operator: Operator, left: Tree, right: Tree) -> Tree {
    Tree::Binary(operator, Box::new((left, right)))
}

/// Digits, a fraction, an exponent.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if text[length..].starts_with('.') {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.').count()
}

fn number(token: Token) -> Result<Tree, FormulaError> {
    match token.word.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Tree::Number(number)),
        _ => Err(error(token.at, format!("`{}` is not a number", token.word))),
    }
}

fn unknown(token: Token) -> FormulaError {
    let functions: Vec<_> = Function::ALL.iter().map(|(name, _)| *name).collect();
    error(
        token.at,
        format!(
            "there is no `{}`; there are ban.Time, ban.Count, banFactor, {}",
            token.word,
            functions.join(", ")
        ),
    )
}

fn unexpected(token: Token) -> FormulaError {
    error(token.at, format!("`{}` cannot stand there", token.word))
}

/// `at` counts from 0.
fn error(at: usize, what: String) -> FormulaError {
    FormulaError { what, column: at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, column: usize, words: &str) {
        let refused = parse(text).expect_err(text);
        assert_eq!(refused.column(), column, "{text}: {refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        check("", 1, "ends too early");
        check("1 +", 4, "ends too early");
        check("1 + * 2", 5, "`*` cannot stand there");
        check("(1 + 2", 7, "`)` is missing before the end");
        check("1 2", 3, "`2` cannot stand there");
        check("1 if 2", 7, "`else` is missing");
        check("ban.count + 1", 1, "there is no `ban.count`");
        check("__import__('os')", 1, "there is no `__import__`");
        check("1 + 'a'", 5, "`'` means nothing here");
        check("1 < 2 < 3", 7, "do not chain");
        check("float(1, 2)", 1, "takes one value");
        check("1.2.3", 4, "`.3` cannot stand there");
        check(". + 1", 1, "`.` is not a number");
        check("ü", 1, "means nothing here");
    }

    #[test]
    fn neither_depth_nor_length_is_without_end() {
        check(&"(".repeat(400), 33, "nests deeper than 32");
        check(&"2**".repeat(150), 97, "nests deeper than 32");
        check(&"1+".repeat(300), LONGEST + 1, "longer than 500");
        assert!(parse(&format!("{}1", "-".repeat(LONGEST - 1))).is_ok());
        assert!(parse(&format!("{}1", "1+".repeat(249))).is_ok());
    }
}
