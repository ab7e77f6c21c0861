//! The dialect, the rule for change days, faults and warnings.

use super::*;

fn at(text: &str) -> Time {
    Time::parse(text, Tz::UTC).unwrap()
}

fn cron(expression: &str, zone: &str) -> Cron {
    Cron::parse(expression, zone.parse().unwrap(), at("1990-01-01")).unwrap()
}

/// The next `n` due times after a local time, as local times with offset.
fn next(expression: &str, zone: &str, after: &str, n: usize) -> Vec<String> {
    let cron = cron(expression, zone);
    let mut time = Time::parse(after, cron.zone).unwrap();
    std::iter::from_fn(|| {
        time = cron.next(time)?;
        Some(time.in_zone(cron.zone).format("%Y-%m-%d %H:%M:%S %:z").to_string().replace(":00 ", " "))
    })
    .take(n)
    .collect()
}

fn fault(expression: &str) -> (usize, String, String) {
    let error = Cron::parse(expression, Tz::UTC, at("2026-01-01")).expect_err(expression);
    assert_eq!(error.kind, error::Kind::Syntax);
    (error.column.unwrap(), error.message.clone(), error.hint.clone().unwrap())
}

#[test]
fn a_fixed_time_in_the_gap_fires_after_it() {
    let spring = next("30 2 * * *", "Europe/Berlin", "2025-03-29 00:00", 3);
    assert_eq!(spring, ["2025-03-29 02:30 +01:00", "2025-03-30 03:00 +02:00", "2025-03-31 02:30 +02:00"]);
    let both = next("0 2,3 * * *", "Europe/Berlin", "2025-03-30 00:00", 2);
    assert_eq!(both, ["2025-03-30 03:00 +02:00", "2025-03-31 02:00 +02:00"], "once, not twice");
    let midnight = next("0 0 * * *", "Asia/Beirut", "2025-03-29 12:00", 2);
    assert_eq!(midnight, ["2025-03-30 01:00 +03:00", "2025-03-31 00:00 +03:00"]);
}

/// croner gives up on a gap of more than two hours, and on one that ends in a day that the
/// expression does not name.
#[test]
fn a_fixed_time_in_a_gap_of_a_day_fires_at_its_end() {
    let samoa = next("0 12 * * *", "Pacific/Apia", "2011-12-29 13:00", 2);
    assert_eq!(samoa, ["2011-12-31 00:00 +14:00", "2011-12-31 12:00 +14:00"]);
    let friday = next("0 12 * * FRI", "Pacific/Apia", "2011-12-29 13:00", 2);
    assert_eq!(friday, ["2011-12-31 00:00 +14:00", "2012-01-06 12:00 +14:00"]);
    let rhythm = next("0 */8 * * *", "Pacific/Apia", "2011-12-29 13:00", 2);
    assert_eq!(rhythm, ["2011-12-29 16:00 -10:00", "2011-12-31 00:00 +14:00"]);
}

#[test]
fn a_fixed_time_that_happens_twice_fires_once() {
    let autumn = next("30 2 * * *", "Europe/Berlin", "2025-10-26 00:00", 2);
    assert_eq!(autumn, ["2025-10-26 02:30 +02:00", "2025-10-27 02:30 +01:00"]);
    let hours = next("0 1-4 * * *", "Europe/Berlin", "2025-10-26 00:00", 4);
    assert_eq!(
        hours.join(" "),
        "2025-10-26 01:00 +02:00 2025-10-26 02:00 +02:00 2025-10-26 03:00 +01:00 2025-10-26 04:00 +01:00"
    );
}

#[test]
fn a_rhythm_goes_on_through_both_changes() {
    let autumn = next("*/30 * * * *", "Europe/Berlin", "2025-10-26 01:45", 5);
    let expected = ["02:00 +02:00", "02:30 +02:00", "02:00 +01:00", "02:30 +01:00", "03:00 +01:00"];
    assert_eq!(autumn, expected.map(|time| format!("2025-10-26 {time}")));
    let spring = next("0 * * * *", "Europe/Berlin", "2025-03-30 00:30", 3);
    assert_eq!(spring, ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00"].map(|time| format!("2025-03-30 {time}")));
    let half = next("*/15 1 * * *", "Australia/Lord_Howe", "2025-04-06 01:20", 5);
    let expected = ["01:30 +11:00", "01:45 +11:00", "01:30 +10:30", "01:45 +10:30"];
    assert_eq!(half[..4], expected.map(|time| format!("2025-04-06 {time}")));
    assert_eq!(half[4], "2025-04-07 01:00 +10:30");
}

/// croner joins them with OR, as it does for `2-30/2`.
#[test]
fn a_day_field_that_begins_with_a_star_does_not_widen_the_other() {
    let odd_mondays = next("0 0 */2 * MON", "UTC", "2026-01-01", 3);
    assert_eq!(odd_mondays, ["2026-01-05 00:00 +00:00", "2026-01-19 00:00 +00:00", "2026-02-09 00:00 +00:00"]);
    let thirteenth_if = next("0 0 13 * */5", "UTC", "2026-01-01", 2);
    assert_eq!(thirteenth_if, ["2026-02-13 00:00 +00:00", "2026-03-13 00:00 +00:00"]);
    let either = next("0 0 13 * 5", "UTC", "2026-01-01", 3);
    assert_eq!(either, ["2026-01-02 00:00 +00:00", "2026-01-09 00:00 +00:00", "2026-01-13 00:00 +00:00"]);
}

/// In croner `LW` swallows an `L` beside it.
#[test]
fn last_day_and_last_workday_stand_side_by_side() {
    let last = next("0 0 L,LW * *", "UTC", "2026-01-01", 3);
    assert_eq!(last, ["2026-01-30 00:00 +00:00", "2026-01-31 00:00 +00:00", "2026-02-27 00:00 +00:00"]);
}

/// In croner years count from 1, in croniter from here.
#[test]
fn steps_of_years_count_from_1970() {
    assert_eq!(next("0 0 0 1 1 * */2", "UTC", "2026-06-01", 1), ["2028-01-01 00:00 +00:00"]);
}

#[test]
fn what_other_dialects_allow_is_read() {
    assert_eq!(next("5/20 0 * * *", "UTC", "2026-01-01", 3)[2], "2026-01-01 00:45 +00:00");
    assert_eq!(next("0 0 * * 7/3", "UTC", "2026-01-01", 3)[2], "2026-01-07 00:00 +00:00");
    assert_eq!(next("0 0 ? * FRI-SUN", "UTC", "2026-01-01", 3)[2], "2026-01-04 00:00 +00:00");
    assert_eq!(next("0 0 * february monday", "UTC", "2026-01-01", 1), ["2026-02-02 00:00 +00:00"]);
    assert_eq!(next("0 0 * * MON-WED#1", "UTC", "2026-01-01", 3)[2], "2026-01-07 00:00 +00:00");
    assert_eq!(next("@Weekly", "UTC", "2026-01-01", 1), ["2026-01-04 00:00 +00:00"]);
    assert_eq!(next("0 0 0 1 1 ? 2028", "UTC", "2026-01-01", 2), ["2028-01-01 00:00 +00:00"]);
}

#[test]
fn every_counts_from_the_epoch() {
    assert_eq!(
        next("@every 90s", "UTC", "2026-01-01 00:00:01", 2),
        ["2026-01-01 00:01:30 +00:00", "2026-01-01 00:03 +00:00"]
    );
    assert_eq!(fault("@every 50ms").0, 8);
    assert_eq!(fault("@every 5").2, "a unit is missing: write `\"5s\"` or `\"5m\"`");
}

#[test]
fn faults_have_a_place_a_reason_and_a_way_out() {
    for (expression, column, message, hint) in [
        ("61 * * * *", 1, "`61` is out of range in the minute field", "it goes from 0 to 59"),
        ("0 8,12,25 * * *", 8, "`25` is out of range in the hour field", "it goes from 0 to 23"),
        ("0  0 * * MOM", 10, "`MOM` is not a value of the weekday field", "did you mean `Mon`?"),
        ("*/0 * * * *", 3, "a step of 0 in the minute field never advances", "write a step of at least 1"),
        ("0 22-4 * * *", 3, "the range `22-4` runs backwards", "write `22-23,0-4`"),
        (
            "0 0 * * 5#6",
            11,
            "`6` does not count weekdays of a month",
            "write `5#1` to `5#5`, or `5L` for the last Friday",
        ),
        (
            "0 0 L-3 * *",
            5,
            "`L-3` cannot be said",
            "`L` is the last day of the month and `LW` its last weekday; list other days",
        ),
        (
            "* * * *",
            7,
            "4 fields where five are needed",
            "the fields are minute, hour, day, month and weekday; seconds may stand before and a year after them",
        ),
        ("0 ＊ * * *", 3, "`＊` is a full-width character", "write `*`"),
        (
            "0 0,,1 * * *",
            5,
            "an empty place in the list of the hour field",
            "take the comma away, or write a value there",
        ),
        ("@dialy", 1, "`@dialy` is not known", "did you mean `@daily`?"),
        ("@reboot", 1, "`@reboot` is not a time", "use `on_start(\"name\", || …)`, which runs when the daemon starts"),
        (
            "0 0 31 2 *",
            5,
            "it never fires: there is no `31` in February",
            "`L` in the day field is the last day of each month",
        ),
        (
            "0 0 30W FEB *",
            5,
            "it never fires: there is no `30W` in February",
            "`L` in the day field is the last day of each month",
        ),
        (
            "0 0 0 1 1 * 2025",
            13,
            "it never fires again after 2026-01-01 00:00",
            "take the year away, or give a later one",
        ),
    ] {
        assert_eq!(fault(expression), (column, message.into(), hint.into()), "{expression}");
    }
    assert_eq!(fault("").0, 1);
    assert_eq!(fault("0 0 0 1 1 * 2030 9").0, 18);
    for expression in [
        "a * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1/ * * * *",
        "*/x * * * *",
        "? * * * *",
        "0 0 W * *",
        "0 0 * * L",
        "0 0 * * #2",
        "0 0 L/2 * *",
        "0 0 5L * *",
        "+5 * * * *",
        "99999999999 * * * *",
        "* * * * * * 1969",
    ] {
        fault(expression);
    }
}

#[test]
fn what_misleads_is_said() {
    for (expression, part) in [
        ("*/90 * * * *", "gives only 0: it means once an hour, it does not count 90 minutes on; `@every 90m` does"),
        ("*/7 * * * *", "after 56 comes 0"),
        ("0 */5 * * *", "after 20 comes 0"),
        ("0 0 */2 * *", "after 31 comes 1; `@every 2d` keeps the distance"),
        ("0 0 31 * *", "there is no 31st in February, April, June, September and November"),
        ("0 0 29 2 *", "in most years"),
        ("0 0 13 * 5", "one is enough"),
        ("0 0 */2 * 1", "does not widen"),
        ("* 5 * * *", "every minute from 05:00 to 05:59"),
        ("* */5 * * * *", "every second"),
        ("0 0 * * */2", "begins again every week: after 6 comes 0"),
    ] {
        let warnings = cron(expression, "UTC").warnings;
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{expression}: {warnings:?}");
    }
    for expression in [
        "*/5 * * * *",
        "0 */6 * * *",
        "0 8 * * MON-FRI",
        "0 0 L * *",
        "* * * * *",
        "0 0 28 * *",
        "30 2 1-31 * *",
        "@yearly",
        "@every 7m",
        "0 0 * */3 *",
    ] {
        assert_eq!(cron(expression, "UTC").warnings, [""; 0], "{expression}");
    }
}

#[test]
fn rare_days_are_found_and_the_end_of_the_calendar_is_an_end() {
    assert_eq!(next("0 0 29 2 *", "UTC", "2096-03-01", 1), [""; 0]);
    assert_eq!(next("0 0 * 2 1#5", "UTC", "2026-01-01", 2), ["2044-02-29 00:00 +00:00", "2072-02-29 00:00 +00:00"]);
    let cron = cron("* * * * *", "Pacific/Apia");
    assert_eq!(cron.next(Time::from_millis(i64::MAX)), None);
    assert_eq!(
        cron.next(Time::from_millis(i64::MIN)).map(|time| time.in_zone(cron.zone).to_rfc3339()).as_deref(),
        Some("1970-01-01T00:00:00-11:00")
    );
}

#[test]
fn zones_are_found_in_any_case_and_suggested() {
    assert_eq!(zone("asia/shanghai").unwrap().name(), "Asia/Shanghai");
    assert_eq!(zone("Shanghai").unwrap_err().hint.as_deref(), Some("did you mean `Asia/Shanghai`?"));
    assert!(zone("Europe/Berln").unwrap_err().hint.as_ref().unwrap().contains("`Europe/Berlin`"));
    assert!(zone("nonsense").is_err() && zone("").is_err());
}
