//! Dates of Excel, which are numbers of days that a format shows as dates.

/// What a format shows of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shows {
    pub(super) date: bool,
    pub(super) time: bool,
}

impl Shows {
    /// What the formats show that have a number and no code.
    pub(super) fn of_number(format: u32) -> Self {
        match format {
            14..=17 => Self { date: true, time: false },
            18..=21 | 45..=47 => Self { date: false, time: true },
            22 => Self { date: true, time: true },
            _ => Self::default(),
        }
    }

    /// What the code of a format shows: `yyyy\-mm\-dd hh:mm`.
    pub(super) fn of_code(code: &str) -> Self {
        let mut shows = Self::default();
        let (mut has_month, mut chars) = (false, code.chars());
        while let Some(c) = chars.next() {
            match c.to_ascii_lowercase() {
                '"' => _ = chars.by_ref().find(|c| *c == '"'),
                '\\' | '_' | '*' => _ = chars.next(),
                // Colours and conditions, or hours that are counted on.
                '[' => {
                    let within: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    let is_count = |letter| within.chars().all(|c| c.eq_ignore_ascii_case(&letter));
                    shows.time |= !within.is_empty() && ['h', 'm', 's'].into_iter().any(is_count);
                }
                'y' | 'd' => shows.date = true,
                'h' | 's' => shows.time = true,
                'm' => has_month = true,
                // Only of numbers above zero.
                ';' => break,
                _ => {}
            }
        }
        shows.date |= has_month && !shows.time;
        shows
    }

    pub(super) fn is_any(self) -> bool {
        self.date || self.time
    }
}

/// The text of a number of days as ISO 8601 has it; `None` for what is no date of Excel's.
pub(super) fn text_of(days: f64, shows: Shows, starts_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&days) {
        return None;
    }
    let millis = (days * 86_400_000.0).round() as i64;
    let (day, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, fraction) = (rest / 1000 % 60, rest % 1000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:03}") };
    if !shows.date {
        return Some(format!("{:02}:{minutes:02}:{seconds:02}{fraction}", day * 24 + hours));
    }
    // Excel takes 1900 for a leap year.
    let since_1970 = match starts_1904 {
        true => day - 24_107,
        false if day < 60 => day - 25_568,
        false => day - 25_569,
    };
    let (year, month, day) = civil(since_1970);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if shows.time || rest != 0 {
        return Some(format!("{date}T{hours:02}:{minutes:02}:{seconds:02}{fraction}"));
    }
    Some(date)
}

/// Year, month, and day of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_say_what_is_a_date() {
        let shows = |code: &str| (Shows::of_code(code).date, Shows::of_code(code).time);
        for code in ["yyyy-mm-dd", "d/m/yy;@", "[$-409]mmmm\\ yyyy", "mmm", "dd\"h\""] {
            assert_eq!(shows(code), (true, false), "{code}");
        }
        for code in ["h:mm", "[h]:mm:ss", "mm:ss.0", "[ss]"] {
            assert_eq!(shows(code), (false, true), "{code}");
        }
        assert_eq!(shows("yyyy-mm-dd hh:mm:ss"), (true, true));
        for code in ["General", "0.00", "#,##0.00\\ \"USD\"", "[Red]0;[Blue]-0", "@", "0.00E+00", "_-* #,##0_-"] {
            assert_eq!(shows(code), (false, false), "{code}");
        }
    }

    #[test]
    fn days_become_dates() {
        let text = |days, date, time| text_of(days, Shows { date, time }, false);
        assert_eq!(text(46_024.0, true, false).unwrap(), "2026-01-02");
        assert_eq!(text(46_024.5, true, true).unwrap(), "2026-01-02T12:00:00");
        assert_eq!(text(46_024.127_835_69, true, true).unwrap(), "2026-01-02T03:04:05.004");
        assert_eq!(text(1.0, true, false).unwrap(), "1900-01-01");
        assert_eq!(text(61.0, true, false).unwrap(), "1900-03-01");
        assert_eq!(text(1.5, false, true).unwrap(), "36:00:00");
        assert_eq!(text_of(0.0, Shows { date: true, time: false }, true).unwrap(), "1904-01-01");
        assert_eq!(text(-1.0, true, false).or(text(1e9, true, false)).or(text(f64::NAN, true, false)), None);
    }
}
