//! Verifiers of passwords for SCRAM-SHA-256 (RFC 5802 and 7677).
//!
//! A verifier is stored instead of the password, in PostgreSQL's format:
//! `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`. It is a secret too: with it, passwords can be
//! tried without a server.

use std::fmt;
use std::num::NonZeroU32;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use ring::rand::{SecureRandom, SystemRandom};

/// Rounds of a verifier that is made of a password, as in PostgreSQL.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4_096).expect("it is not zero");

const SALT_BYTES: usize = 16;

/// Maximum bytes of a salt.
const SALT_BYTES_MAX: usize = 256;

/// Bytes of a key of SCRAM-SHA-256.
const KEY_BYTES: usize = 32;

/// Data with which a password is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordVerifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: [u8; KEY_BYTES],
    server_key: [u8; KEY_BYTES],
}

impl PasswordVerifier {
    /// Name of the mechanism, with which the text of a verifier begins.
    pub const MECHANISM: &str = "SCRAM-SHA-256";

    /// Maximum rounds of a verifier, some hundredths of a second: others wait where a server checks
    /// a password itself.
    pub const ITERATIONS_MAX: u32 = 100_000;

    /// Makes a verifier of a text: a password, or a verifier in PostgreSQL's format. Returns `None`
    /// for a text that begins like a verifier and is none: as a password, it would be another than
    /// the one that is meant.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    pub fn of_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(Self::MECHANISM);
        match rest.is_some_and(|rest| rest.starts_with('$')) {
            true => Self::parse(text),
            false => Some(Self::new(text)),
        }
    }

    /// Makes a verifier of a password, with a random salt.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    pub fn new(password: &str) -> Self {
        Self::salted(password, random::<SALT_BYTES>().to_vec())
    }

    /// Makes a verifier of a password and a salt.
    pub fn salted(password: &str, salt: Vec<u8>) -> Self {
        let (stored_key, server_key) = keys(password, ITERATIONS, &salt);
        Self {
            iterations: ITERATIONS,
            salt,
            stored_key,
            server_key,
        }
    }

    /// Makes a verifier that no password passes, for a user who does not exist. The salt depends
    /// on the name, so that the name seems to exist.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    pub fn impossible(name: &str, secret: &[u8]) -> Self {
        let salt = sign(&Key::new(HMAC_SHA256, secret), name.as_bytes());
        Self {
            iterations: ITERATIONS,
            salt: salt.as_ref()[..SALT_BYTES].to_vec(),
            stored_key: random(),
            server_key: random(),
        }
    }

    /// Parses PostgreSQL's format; `None` if the text is another.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(Self::MECHANISM)?.strip_prefix('$')?;
        let (parameters, keys) = rest.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let key = |text: &str| -> Option<[u8; KEY_BYTES]> {
            BASE64_STANDARD.decode(text).ok()?.try_into().ok()
        };
        let iterations = iterations.parse::<NonZeroU32>().ok()?;
        let salt = BASE64_STANDARD.decode(salt).ok()?;
        Some(Self {
            iterations: Some(iterations).filter(|count| count.get() <= Self::ITERATIONS_MAX)?,
            salt: Some(salt).filter(|salt| (1..=SALT_BYTES_MAX).contains(&salt.len()))?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    /// Formats the verifier as it is stored.
    pub fn to_text(&self) -> String {
        let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        format!(
            "{}${}:{}${}:{}",
            Self::MECHANISM,
            self.iterations,
            encoded(&self.salt),
            encoded(&self.stored_key),
            encoded(&self.server_key)
        )
    }

    /// Returns true if this is the password.
    pub fn is_password(&self, password: &str) -> bool {
        let (stored_key, _) = keys(password, self.iterations, &self.salt);
        is_equal(&stored_key, &self.stored_key)
    }

    /// Returns the number of rounds.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }

    /// Returns the salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Returns the key that verifies a client's proof.
    pub fn stored_key(&self) -> &[u8; KEY_BYTES] {
        &self.stored_key
    }

    /// Returns the key with which a server proves its knowledge.
    pub fn server_key(&self) -> &[u8; KEY_BYTES] {
        &self.server_key
    }
}

/// Derives the stored key and the server's.
fn keys(password: &str, iterations: NonZeroU32, salt: &[u8]) -> ([u8; KEY_BYTES], [u8; KEY_BYTES]) {
    let mut salted = [0; KEY_BYTES];
    derive(
        PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        password.as_bytes(),
        &mut salted,
    );
    let client_key = hmac(&salted, b"Client Key");
    let digest = digest(&SHA256, &client_key);
    let stored_key = std::array::from_fn(|index| digest.as_ref()[index]);
    (stored_key, hmac(&salted, b"Server Key"))
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; KEY_BYTES] {
    let tag = sign(&Key::new(HMAC_SHA256, key), data);
    std::array::from_fn(|index| tag.as_ref()[index])
}

/// Compares without regard to where the first difference is.
fn is_equal(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> bool {
    let pairs = one.iter().zip(other);
    pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.expect("the operating system has random numbers");
    bytes
}

/// Without its data.
impl fmt::Debug for PasswordVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordVerifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_have_the_format_of_postgresql() {
        let verifier = PasswordVerifier::salted("pencil", b"salt".to_vec());
        let text = verifier.to_text();
        assert!(text.starts_with("SCRAM-SHA-256$4096:c2FsdA==$"), "{text}");
        assert_eq!(PasswordVerifier::parse(&text), Some(verifier.clone()));
        assert!(verifier.is_password("pencil") && !verifier.is_password("pen"));
        for text in [
            "",
            "pencil",
            "SCRAM-SHA-256$0:c2FsdA==$x:y",
            "md5abc",
            &text.replace("4096", "100001"),
            &text.replace("4096", "4000000000"),
            &text.replace("c2FsdA==", ""),
            &text[..text.len() - 4],
        ] {
            assert_eq!(PasswordVerifier::parse(text), None, "{text}");
        }
    }

    #[test]
    fn texts_that_begin_like_verifiers_are_no_passwords() {
        let verifier = PasswordVerifier::new("pencil");
        let text = verifier.to_text();
        assert_eq!(PasswordVerifier::of_text(&text), Some(verifier));
        let slow = text.replace("4096", "100001");
        assert_eq!(PasswordVerifier::of_text(&slow), None);
        let password = PasswordVerifier::of_text("SCRAM-SHA-256").unwrap();
        assert!(password.is_password("SCRAM-SHA-256"));
    }

    #[test]
    fn unknown_users_have_salts_and_no_password() {
        let impossible = PasswordVerifier::impossible("ada", b"secret");
        let again = PasswordVerifier::impossible("ada", b"secret");
        assert_eq!(impossible.salt(), again.salt());
        assert_ne!(impossible, again);
        assert!(!impossible.is_password(""));
        assert_eq!(
            impossible.iterations(),
            PasswordVerifier::new("x").iterations()
        );
        assert!(!format!("{impossible:?}").contains("salt"));
    }
}
