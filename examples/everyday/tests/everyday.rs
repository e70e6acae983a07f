//! The functions, called natively as the engine calls them.

use chrono::{NaiveDate, NaiveDateTime};
use everyday::*;
use fusebox_sdk::testing::{Column, scalar};

#[test]
fn texts_are_compared_with_nulls_between_them() {
    let a = Column::new([Some("kitten".to_owned()), None, Some(String::new())]);
    let b = Column::constant(Some("sitting".to_owned()));
    let found = scalar(edit_distance, &[a.clone(), b.clone()]);
    assert_eq!(found, Ok(vec![Some(3), None, Some(7)]));
    let same = scalar(similarity, &[a.clone(), a]).unwrap();
    assert_eq!(same[0], Some(1.0));
}

#[test]
fn parts_of_urls_are_found() {
    let urls = [
        "https://example.org/a?x=1%202&y=3",
        "not a url",
        "mailto:a@b",
    ];
    let urls = Column::new(urls.map(|url| Some(url.to_owned())));
    let hosts = scalar(url_host, std::slice::from_ref(&urls)).unwrap();
    assert_eq!(hosts, [Some("example.org".to_owned()), None, None]);
    let name = Column::constant(Some("x".to_owned()));
    let values = scalar(url_parameter, &[urls, name]).unwrap();
    assert_eq!(values, [Some("1 2".to_owned()), None, None]);
}

#[test]
fn digits_are_masked_but_the_last_four() {
    assert_eq!(masked("4111 1111 1111 1234 é"), "**** **** **** 1234 é");
    assert_eq!(masked("12"), "12");
}

#[test]
fn values_of_json_are_found_and_errors_named() {
    let json = r#"{"a": {"b": [1, "two", null]}}"#;
    let at = |pointer| json_at(json, pointer).unwrap();
    assert_eq!(at("/a/b/0").as_deref(), Some("1"));
    assert_eq!(at("/a/b/1").as_deref(), Some("two"));
    assert_eq!((at("/a/b/2"), at("/c")), (None, None));
    assert!(json_at("{", "").unwrap_err().contains("line 1"));
}

#[test]
fn days_and_weeks_follow_the_calendar() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    assert_eq!(next_workday(day("2024-03-01")), Some(day("2024-03-04")));
    assert_eq!(next_workday(day("2024-02-28")), Some(day("2024-02-29")));
    let time: NaiveDateTime = "2012-12-31T23:59:59".parse().unwrap();
    assert_eq!(week_label(time), "2013-W01");
}

#[test]
fn networks_contain_addresses_of_their_own_family() {
    assert_eq!(in_network("10.1.2.3", "10.0.0.0/8"), Ok(true));
    assert_eq!(in_network("::1", "10.0.0.0/8"), Ok(false));
    let error = in_network("10.1", "10.0.0.0/8").unwrap_err();
    assert_eq!(error, "expected an address, found \"10.1\"");
}
