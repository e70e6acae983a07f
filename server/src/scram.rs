//! SCRAM-SHA-256 (RFC 5802 and 7677), the server's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fusebox::PasswordVerifier;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::rand::{SecureRandom, SystemRandom};

/// Mechanism of SASL.
pub(crate) const MECHANISM: &str = PasswordVerifier::MECHANISM;

const NONCE_BYTES: usize = 18;
const KEY_BYTES: usize = 32;

/// Message of a client that is none of the mechanism, or a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScramError {
    #[error("expected a message of SCRAM-SHA-256, found another")]
    Malformed,
    #[error("password authentication failed")]
    WrongPassword,
}

/// Exchange that waits for the client's proof.
pub(crate) struct Exchange {
    verifier: PasswordVerifier,
    /// Header of the client's first message, in base64.
    channel: String,
    nonce: String,
    /// Messages that proofs sign, up to the client's last.
    messages: String,
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; KEY_BYTES] {
    let tag = sign(&Key::new(HMAC_SHA256, key), data);
    std::array::from_fn(|index| tag.as_ref()[index])
}

fn sha256(data: &[u8]) -> [u8; KEY_BYTES] {
    let digest = digest(&SHA256, data);
    std::array::from_fn(|index| digest.as_ref()[index])
}

/// Compares without regard to where the first difference is.
fn is_equal(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> bool {
    let pairs = one.iter().zip(other);
    pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// Returns random bytes.
///
/// # Panics
///
/// If the operating system has none.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.expect("the operating system has random numbers");
    bytes
}

impl Exchange {
    /// Answers the client's first message; returns the exchange and the answer.
    ///
    /// # Errors
    ///
    /// [`ScramError::Malformed`].
    pub(crate) fn begin(
        verifier: PasswordVerifier,
        first: &[u8],
    ) -> Result<(Self, String), ScramError> {
        Self::with_nonce(verifier, first, &BASE64.encode(random::<NONCE_BYTES>()))
    }

    fn with_nonce(
        verifier: PasswordVerifier,
        first: &[u8],
        nonce: &str,
    ) -> Result<(Self, String), ScramError> {
        let first = std::str::from_utf8(first).map_err(|_| ScramError::Malformed)?;
        // No channel binding, and no other identity.
        let bare = ["n,,", "y,,"].iter().find_map(|header| {
            let bare = first.strip_prefix(header)?;
            Some((*header, bare))
        });
        let (header, bare) = bare.ok_or(ScramError::Malformed)?;
        // The name is that of the startup message.
        let mut attributes = bare.split(',');
        let client_nonce = match (attributes.next(), attributes.next()) {
            (Some(name), Some(nonce)) if name.starts_with("n=") => nonce.strip_prefix("r="),
            _ => None,
        };
        let client_nonce = client_nonce.filter(|nonce| !nonce.is_empty());
        let client_nonce = client_nonce.ok_or(ScramError::Malformed)?;
        let nonce = format!("{client_nonce}{nonce}");
        let (salt, iterations) = (BASE64.encode(verifier.salt()), verifier.iterations());
        let answer = format!("r={nonce},s={salt},i={iterations}");
        let exchange = Self {
            verifier,
            channel: BASE64.encode(header),
            nonce,
            messages: format!("{bare},{answer}"),
        };
        Ok((exchange, answer))
    }

    /// Verifies the client's last message; returns the answer, which proves the server's
    /// knowledge.
    ///
    /// # Errors
    ///
    /// [`ScramError`].
    pub(crate) fn finish(self, last: &[u8]) -> Result<String, ScramError> {
        let last = std::str::from_utf8(last).map_err(|_| ScramError::Malformed)?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let begin = format!("c={},r={}", self.channel, self.nonce);
        let is_expected = without_proof
            .strip_prefix(&begin)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(','));
        if !is_expected {
            return Err(ScramError::Malformed);
        }
        let proof: [u8; KEY_BYTES] = BASE64
            .decode(proof)
            .ok()
            .and_then(|proof| proof.try_into().ok())
            .ok_or(ScramError::Malformed)?;
        let signed = format!("{},{without_proof}", self.messages);
        let signature = hmac(self.verifier.stored_key(), signed.as_bytes());
        let client_key: [u8; KEY_BYTES] = std::array::from_fn(|n| proof[n] ^ signature[n]);
        if !is_equal(&sha256(&client_key), self.verifier.stored_key()) {
            return Err(ScramError::WrongPassword);
        }
        let signature = hmac(self.verifier.server_key(), signed.as_bytes());
        Ok(format!("v={}", BASE64.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example of RFC 7677, whose user is `user` and whose password is `pencil`.
    fn exchange() -> (Exchange, String) {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = PasswordVerifier::salted("pencil", salt);
        let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        Exchange::with_nonce(verifier, first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").unwrap()
    }

    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    #[test]
    fn exchange_is_that_of_the_standard() {
        let (exchange, answer) = exchange();
        assert_eq!(
            answer,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = exchange.finish(LAST.as_bytes());
        let expected = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(last.as_deref(), Ok(expected));
    }

    #[test]
    fn other_proofs_and_messages_are_refused() {
        let wrong = LAST.replace("dHzb", "dHzc");
        let error = exchange().0.finish(wrong.as_bytes()).unwrap_err();
        assert_eq!(error, ScramError::WrongPassword);
        for last in [
            "",
            "c=biws",
            "c=eSws,r=x,p=",
            &LAST.replace("k0,", "k1,"),
            &LAST[..90],
        ] {
            let error = exchange().0.finish(last.as_bytes()).unwrap_err();
            assert_eq!(error, ScramError::Malformed, "{last}");
        }
        for first in [
            &b""[..],
            b"n,,",
            b"n,,n=,r=",
            b"p=tls-unique,,n=,r=x",
            b"\xff",
        ] {
            assert!(Exchange::begin(PasswordVerifier::new("x"), first).is_err());
        }
    }
}
