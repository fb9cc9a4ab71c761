//! Tables as shops export them: separated values, runs of spaces, JSON lines, or an Excel workbook. Shared by the kinds
//! that read files; what columns mean is theirs.

pub mod cells;
pub mod layout;
pub mod named;
pub mod numbers;
mod setup;
pub mod split;
pub mod version;
pub mod workbook;

pub use layout::{Delimiter, Layout, is_too_long};
pub(crate) use setup::{DOOR, LAYOUT, ROWS};
pub use split::{Place, Record, Records, Text, fields, records, values};
