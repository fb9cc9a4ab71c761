//! The clock: beside the newest record of the log, which was stamped here, and beside the broker's.

use super::span;
use jiff::Timestamp;
use std::{io, path::Path, sync::Arc};
use tributary_channels::standing::Finding;
use tributary_eventlog::{Clock as _, OpenError, Options, RealDisk, SystemClock, newest, pipe::Told};

/// Clocks that differ by more than this put events of several nodes into another order than they happened in.
const SKEW_SECS: f64 = 1.0;
/// What sets clocks right.
const REMEDY: &str = "let a time service (chrony, systemd-timesyncd) set the clocks of all machines";

/// The log's newest record, seen from now.
pub(super) fn of_log(dir: &Path, accept_future: bool) -> Finding {
    let dir = dir.join("log");
    let found = match newest(&RealDisk, &dir) {
        Ok(found) => found,
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Finding::bad(format!("{}: {error}", error.code()), error.remedy()),
    };
    let Some(found) = found.filter(|found| found.sequence > 0) else { return Finding::good("none yet") };
    // What a start refuses.
    let most = Options::new(dir, None, Arc::new(|| 0)).max_skew.as_secs_f64();
    let ago = secs(SystemClock.now_micros().saturating_sub(found.recorded_at));
    of_stamp(found.sequence, ago, most, accept_future)
}

fn of_stamp(sequence: u64, ago: f64, most: f64, accept_future: bool) -> Finding {
    if ago >= -SKEW_SECS {
        return Finding::good(format!("record {sequence}, {} ago by this clock", span(ago.max(0.0))));
    }
    let detail = format!("record {sequence} was recorded {} from now: this clock went back", span(-ago));
    if ago < -most && !accept_future {
        let remedy = format!(
            "set the clock right: a start refuses a log that is over {most} s ahead; if the clock is right and was wrong then, \
             start once with [log] accept_future = true"
        );
        return Finding::bad(format!("log_from_the_future: {detail}"), remedy);
    }
    Finding::doubtful(detail, REMEDY)
}

/// The clock here beside that of whoever told a time.
pub(super) fn beside(whose: &str, told: &Told) -> Finding {
    let Ok(time) = told.time.parse::<Timestamp>() else {
        return Finding::doubtful(format!("{whose} tells no time that can be read"), REMEDY);
    };
    let half = secs(told.answered.saturating_sub(told.asked)).max(0.0) / 2.0;
    let here = secs(told.asked) + half;
    of_skew(whose, time.as_microsecond() as f64 / 1e6 - here, half)
}

/// A skew in seconds that is known to `within`.
fn of_skew(whose: &str, ahead: f64, within: f64) -> Finding {
    let (word, size) = if ahead < 0.0 { ("behind", -ahead) } else { ("ahead of", ahead) };
    let detail = format!("{whose} is {} {word} this clock, to within {}", span(size), span(within));
    // As little as it may be: a slow answer is no wrong clock.
    let least = size - within;
    if least > Options::new("", None, Arc::new(|| 0)).max_skew.as_secs_f64() {
        return Finding::bad(format!("clock_skew: {detail}"), REMEDY);
    }
    if least > SKEW_SECS { Finding::doubtful(detail, REMEDY) } else { Finding::good(detail) }
}

fn secs(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::{beside, of_skew, of_stamp};
    use tributary_channels::standing::Standing::{Bad, Doubtful, Good};
    use tributary_eventlog::pipe::Told;

    #[test]
    fn a_log_from_the_future_is_told_as_a_start_judges_it() {
        assert_eq!(of_stamp(7, 3.0, 60.0, false).standing, Good);
        assert_eq!(of_stamp(7, -0.5, 60.0, false).standing, Good);
        assert_eq!(of_stamp(7, -30.0, 60.0, false).standing, Doubtful);
        let refused = of_stamp(7, -61.0, 60.0, false);
        assert_eq!(refused.standing, Bad);
        assert!(refused.detail.starts_with("log_from_the_future: "), "{}", refused.detail);
        assert_eq!(of_stamp(7, -61.0, 60.0, true).standing, Doubtful);
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        assert_eq!(of_skew("x", 0.9, 0.0).standing, Good);
        assert_eq!(of_skew("x", -1.5, 0.001).standing, Doubtful);
        assert_eq!(of_skew("x", 1.5, 0.6).standing, Good);
        assert_eq!(of_skew("x", -61.5, 0.1).standing, Bad);
    }

    #[test]
    fn a_told_time_is_compared_with_the_middle_of_the_wait() {
        let told = |time: &str| Told { time: time.to_owned(), asked: 1_000_000, answered: 3_000_000 };
        let same = beside("the broker's clock", &told("1970-01-01T00:00:02.000000001Z"));
        assert_eq!(same.detail, "the broker's clock is 0 µs ahead of this clock, to within 1.0 s");
        assert_eq!(beside("x", &told("1970-01-01T00:00:05+00:00")).standing, Doubtful);
        assert_eq!(beside("x", &told("noon")).standing, Doubtful);
    }
}
