//! `gaoler.yaml`: as written, checked, and as meant.
//!
//! A file becomes a tree in which every node knows its place (`tree`); one checker walks it
//! against one table of keys (`keys`, `walk`) and finds everything wrong at once; the files are
//! laid over each other (`merge`), and what remains is given its meaning (`meaning`), a
//! [`Config`](checked::Config) in which nothing can be wrong any more.

pub mod builtin;
mod carried;
pub mod checked;
pub mod duration;
mod environment;
pub mod error;
pub mod filter_file;
pub mod filters;
mod keys;
mod load;
mod meaning;
mod merge;
pub mod ports;
pub mod reference;
pub mod schema;
mod tree;
mod values;
mod view;
mod walk;
pub mod web;

pub use carried::written::{Written as Imported, written as imported};
use load::read;
pub use load::{Location, Surroundings, load, load_from, load_in};
pub use schema::{filter_schema, schema};
