//! From a record to a failure: which lines mean one, and whose it is.
//!
//! Pure: a filter meets no file and no clock. It never lets text that the peer chose (a user name,
//! a request line) choose the address.

pub mod definition;

/// A compiled filter. Immutable and shared; what changes from line to line is a matcher's.
#[derive(Debug)]
pub struct Filter {
    /// As its file has it.
    pub definition: definition::Definition,
}

/// Why a filter does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It recognises nothing.
    #[error("filter {0} recognises nothing: give it failregex or httpd")]
    Empty(String),
}

impl Filter {
    /// Compiles a definition, with the patterns of one of its modes.
    ///
    /// # Errors
    ///
    /// Says which part of the definition does not work.
    pub fn compile(definition: &definition::Definition, mode: &str) -> Result<Self, FilterError> {
        let _ = mode;
        if definition.failregex.is_empty() && definition.httpd.is_none() {
            return Err(FilterError::Empty(definition.name.clone()));
        }
        Ok(Self { definition: definition.clone() })
    }

    /// What a careful reader should know, such as a pattern in which the peer might choose the
    /// address.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &[]
    }
}
