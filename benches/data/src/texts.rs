//! Realistic texts.

use crate::numbers::random;

/// Returns two to seven words, some with accents.
pub(crate) fn phrase(row: usize, salt: u64) -> String {
    const WORDS: [&str; 8] = [
        "Crème", "brûlée", "at", "the", "Gare", "du", "Nord", "since",
    ];
    let words = 2 + random(row, salt) as usize % 6;
    let words = (0..words as u64).map(|n| WORDS[random(row, salt + 100 + n) as usize % 8]);
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the name of a person.
pub(crate) fn name(row: usize, salt: u64) -> String {
    const FIRST: [&str; 8] = [
        "Maria", "Martha", "Marhta", "John", "Jon", "Dwayne", "Duane", "Ana",
    ];
    const LAST: [&str; 8] = [
        "Dixon", "Dicksonx", "Smith", "Smythe", "Garcia", "Nguyen", "Müller", "Mueller",
    ];
    let pick = |n| random(row, salt + n) as usize % 8;
    format!("{} {}", FIRST[pick(200)], LAST[pick(300)])
}

/// Returns a payment card number. One in ten has a valid check digit.
pub(crate) fn card(row: usize) -> String {
    let groups = [25, 26, 27, 28].map(|salt| format!("{:04}", random(row, salt) % 10_000));
    groups.join(" ")
}

/// Returns a US aircraft registration. Most are valid.
pub(crate) fn registration(row: usize) -> String {
    let number = 1 + random(row, 29) % 999;
    let letters = ["", "A", "AA", "UA", "JB", "MQ", "IO", "1X"];
    format!("N{number}{}", letters[random(row, 30) as usize % 8])
}

/// Returns a JSON object.
pub(crate) fn object(row: usize) -> String {
    let (user, amount) = (random(row, 31) % 100_000, random(row, 32) % 100_000);
    let city = ["Köln", "New York", "San José", "Ulaanbaatar"][random(row, 33) as usize % 4];
    format!(
        r#"{{"user": {user}, "city": "{city}", "tags": ["a", "b"], "amount": {}.{:02}}}"#,
        amount / 100,
        amount % 100
    )
}
