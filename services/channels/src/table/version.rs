//! What a request says of a whole file: when it was written, and whether it is imported history.

use crate::adapter::{InboundRequest, Rejected};

/// Seconds since 1970 at which the file was written, as its sender says.
pub const FILE_TIME: &str = "x-file-time";
/// `1`: what the file holds is imported history.
pub const HISTORICAL: &str = "x-historical";

/// Version and flags of a file's rows, and the headers that say so again.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// Version of rows that have none of their own: seconds since 1970, or 0.
    pub revision: u64,
    /// Bits of [`tributary_core::event::flags`].
    pub flags: u32,
    /// For the smallest requests.
    pub headers: Vec<(String, String)>,
}

impl Version {
    /// Of this request; without the header the time of receipt counts, if `by_upload`.
    ///
    /// # Errors
    /// 400 for a header that is no time.
    pub fn of(request: &InboundRequest<'_>, by_upload: bool) -> Result<Self, Rejected> {
        let secs = match request.header(FILE_TIME) {
            Some(text) => Some(text.trim().parse::<u32>().map_err(|_| Rejected {
                status: 400,
                code: "bad_file_time",
                detail: format!("{FILE_TIME} must be whole seconds since 1970"),
            })?),
            None if by_upload => Some(u32::try_from(request.received_at.0 / 1_000_000).unwrap_or_default()),
            None => None,
        };
        let mut headers: Vec<_> = secs.iter().map(|secs| (FILE_TIME.to_owned(), secs.to_string())).collect();
        let is_historical = request.header(HISTORICAL).is_some_and(|value| value.trim() == "1");
        if is_historical {
            headers.push((HISTORICAL.to_owned(), "1".to_owned()));
        }
        let flags = if is_historical { tributary_core::event::flags::HISTORICAL } else { 0 };
        Ok(Self { revision: secs.map_or(0, u64::from), flags, headers })
    }
}
