//! A signed claim of who the caller is: a compact JWT (RFC 7519) with the one algorithm EdDSA over Ed25519.
//!
//! The signature is checked before anything in the token is read as more than an algorithm's name, and a token is
//! accepted or not: whoever sends one learns no more.
use super::user::UserId;
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest, Sha256};

/// Longer ones are not looked at.
const MAX_BYTES: usize = 4096;

/// The keys of those who issue tokens: one, or two while the second takes over from the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys([Option<VerifyingKey>; 2]);

/// Where and when a token is shown. Times are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub database: &'a str,
    pub now: i64,
    /// How far ahead a token may expire.
    pub max_life: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    pub user: UserId,
    /// Of the token in its database.
    pub digest: [u8; 16],
    pub expires: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// What the token's reader must understand. We know none of it.
    crit: Option<IgnoredAny>,
}

// A name that is there twice is refused, so that nobody can read a token differently from who signed it.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    jti: String,
    exp: i64,
    nbf: Option<i64>,
}

impl Keys {
    /// Base64 texts separated by a comma: 32 bytes, or what `openssl pkey -pubout` prints. Empty: no keys.
    pub fn parse(text: &str) -> Option<Keys> {
        let mut keys = Keys::default();
        if text.trim().is_empty() {
            return Some(keys);
        }
        let mut places = keys.0.iter_mut();
        for text in text.split(',') {
            *places.next()? = Some(key(text.trim())?);
        }
        Some(keys)
    }

    fn signed(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.iter().flatten().any(|key| key.verify_strict(message, signature).is_ok())
    }
}

fn key(text: &str) -> Option<VerifyingKey> {
    // RFC 8410: what stands before the 32 bytes in the form that openssl prints.
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = Base64UrlUnpadded::decode_vec(&text).ok()?;
    let bytes = bytes.strip_prefix(&PREFIX).unwrap_or(&bytes);
    // Under a weak key one signature fits many messages.
    VerifyingKey::from_bytes(bytes.try_into().ok()?).ok().filter(|key| !key.is_weak())
}

pub fn accept(token: &str, keys: &Keys, place: &Place) -> Option<Accepted> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Header = part(header)?;
    if header.alg != "EdDSA" || header.crit.is_some() {
        return None;
    }
    let signature = Signature::from_slice(&Base64UrlUnpadded::decode_vec(signature).ok()?).ok()?;
    if !keys.signed(message.as_bytes(), &signature) {
        return None;
    }
    let claims: Claims = part(claims)?;
    let life = claims.exp.checked_sub(place.now)?;
    let fits = claims.aud == place.database
        && !claims.jti.is_empty()
        && (1..=place.max_life).contains(&life)
        && claims.nbf.is_none_or(|from| from <= place.now);
    let user = UserId::parse(claims.sub.as_bytes())?;
    fits.then(|| Accepted { user, digest: digest(&claims), expires: claims.exp })
}

fn digest(claims: &Claims) -> [u8; 16] {
    // A database's name holds no zero byte.
    let digest =
        Sha256::new().chain_update(&claims.aud).chain_update([0]).chain_update(&claims.jti).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A JSON object in base64. Without the look at its first byte, an array of the values would do as well.
fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let json = Base64UrlUnpadded::decode_vec(text).ok()?;
    if json.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000;
    const PLACE: Place = Place { database: "parking", now: NOW, max_life: 60 };
    const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
    const USER: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

    fn signer(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }
    fn public(n: u8) -> String {
        Base64UrlUnpadded::encode_string(signer(n).verifying_key().as_bytes())
    }
    fn keys() -> Keys {
        Keys::parse(&public(1)).expect("a key")
    }
    fn sign(header: &str, claims: &str) -> String {
        let message =
            [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes())).join(".");
        let signature = signer(1).sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
    fn claims(sub: &str, aud: &str, jti: &str, exp: &str) -> String {
        format!(r#"{{"sub":{sub},"aud":{aud},"jti":{jti},"exp":{exp}}}"#)
    }
    fn good() -> String {
        claims(&format!("\"{USER}\""), r#""parking""#, r#""1""#, &(NOW + 30).to_string())
    }
    fn accepted(token: &str) -> Option<Accepted> {
        accept(token, &keys(), &PLACE)
    }

    #[test]
    fn a_good_token() {
        let found = accepted(&sign(HEADER, &good())).expect("good");
        assert_eq!(found.user, UserId::parse(USER.as_bytes()).expect("an id"));
        assert_eq!(found.expires, NOW + 30);
        let more = good().replace(r#""jti""#, r#""iat":1,"nbf":1800000000,"name":{"a":[1,2]},"jti""#);
        assert_eq!(
            accepted(&sign(r#" {"kid":"7","alg":"EdDSA"}"#, &more)),
            Some(found),
            "other claims do not matter"
        );
        let deep =
            good().replace(r#""jti""#, &format!(r#""x":{}1{},"jti""#, "[".repeat(1000), "]".repeat(1000)));
        assert!(accepted(&sign(HEADER, &deep)).is_some(), "however deep they are");
    }

    #[test]
    fn the_digest_tells_tokens_apart() {
        let of = |aud, jti| {
            let token = sign(HEADER, &claims(&format!("\"{USER}\""), aud, jti, "1800000030"));
            let database = aud.trim_matches('"');
            accept(&token, &keys(), &Place { database, ..PLACE }).expect("good").digest
        };
        assert_eq!(of(r#""parking""#, r#""1""#), of(r#""parking""#, r#""\u0031""#), "two spellings of one");
        assert_ne!(of(r#""parking""#, r#""1""#), of(r#""parking""#, r#""2""#));
        assert_ne!(of(r#""parking""#, r#""1""#), of(r#""parking1""#, r#""1""#));
    }

    #[test]
    fn life_is_bounded_on_both_sides() {
        let at = |exp: &str| {
            accepted(&sign(HEADER, &claims(&format!("\"{USER}\""), r#""parking""#, r#""1""#, exp))).is_some()
        };
        assert!(!at(&(NOW - 1).to_string()) && !at(&NOW.to_string()) && at(&(NOW + 1).to_string()));
        assert!(at(&(NOW + 60).to_string()) && !at(&(NOW + 61).to_string()));
        for exp in [
            "0",
            "-1",
            "-9223372036854775808",
            "9223372036854775807",
            "18446744073709551616",
            "1.80000003e9",
            "1800000030.0",
            r#""1800000030""#,
            "null",
            "true",
            "[1800000030]",
        ] {
            assert!(!at(exp), "{exp}");
        }
    }

    #[test]
    fn wrong_claims() {
        let sub = format!("\"{USER}\"");
        for (sub, aud, jti) in [
            (r#""nobody""#, r#""parking""#, r#""1""#),
            (r#""""#, r#""parking""#, r#""1""#),
            ("null", r#""parking""#, r#""1""#),
            (sub.as_str(), r#""other""#, r#""1""#),
            (sub.as_str(), r#"["parking"]"#, r#""1""#),
            (sub.as_str(), r#""PARKING""#, r#""1""#),
            (sub.as_str(), r#""parking\u0000""#, r#""1""#),
            (sub.as_str(), "null", r#""1""#),
            (sub.as_str(), r#""parking""#, r#""""#),
            (sub.as_str(), r#""parking""#, "1"),
            (sub.as_str(), r#""parking""#, "null"),
        ] {
            assert_eq!(
                accepted(&sign(HEADER, &claims(sub, aud, jti, "1800000030"))),
                None,
                "{sub} {aud} {jti}"
            );
        }
        for claim in ["sub", "aud", "jti", "exp"] {
            assert_eq!(accepted(&sign(HEADER, &good().replace(claim, "other"))), None, "without {claim}");
        }
        let early = good().replace(r#""jti""#, r#""nbf":1800000001,"jti""#);
        assert_eq!(accepted(&sign(HEADER, &early)), None, "not yet");
    }

    #[test]
    fn a_name_twice() {
        for claim in [
            r#""sub":"00000000-0000-0000-0000-000000000000""#,
            r#""aud":"parking""#,
            r#""jti":"2""#,
            r#""exp":1800000030"#,
        ] {
            let twice = good().replacen('{', &format!("{{{claim},"), 1);
            assert_eq!(accepted(&sign(HEADER, &twice)), None, "{claim}");
        }
        assert_eq!(accepted(&sign(r#"{"alg":"none","alg":"EdDSA"}"#, &good())), None);
        let escaped = good().replacen('{', r#"{"\u0073ub":"00000000-0000-0000-0000-000000000000","#, 1);
        assert_eq!(accepted(&sign(HEADER, &escaped)), None, "in another spelling");
    }

    #[test]
    fn other_algorithms_and_shapes() {
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"eddsa"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":["EdDSA"]}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"EdDSA","crit":["exp"]}"#,
            r#"["EdDSA",null]"#,
            r#""EdDSA""#,
            "",
            "{",
        ] {
            assert_eq!(accepted(&sign(header, &good())), None, "{header}");
        }
        let values = format!(r#"["{USER}","parking","1",1800000030,null]"#);
        for claims in
            [values.as_str(), "", "{}", "null", &format!("{} ", &good()[1..]), &format!("{}{{}}", good())]
        {
            assert_eq!(accepted(&sign(HEADER, claims)), None, "{claims}");
        }
    }

    #[test]
    fn without_signature_or_with_another() {
        let token = sign(HEADER, &good());
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let message_only = format!("{message}.");
        let four = format!("{token}.{signature}");
        let padded = format!("{token}==");
        let spaced = format!("{token} ");
        let leading = format!(".{token}");
        for wrong in ["", ".", "..", "...", message, &message_only, &four, &padded, &spaced, &leading] {
            assert_eq!(accepted(wrong), None, "{wrong}");
        }
        assert_eq!(
            accept(&token, &Keys::parse(&public(2)).expect("a key"), &PLACE),
            None,
            "a key of somebody else"
        );
        assert_eq!(accept(&token, &Keys::default(), &PLACE), None, "no key");
        // HS256 with the public key as its secret, as a reader that trusts the header would check it.
        let forged = sign(r#"{"alg":"HS256"}"#, &good());
        assert_eq!(accepted(&forged), None);
    }

    #[test]
    fn long_tokens_are_not_looked_at() {
        let filled = |bytes: usize| {
            sign(HEADER, &good().replace(r#""jti""#, &format!(r#""x":"{}","jti""#, "x".repeat(bytes))))
        };
        assert!(filled(2700).len() < MAX_BYTES && accepted(&filled(2700)).is_some());
        assert_eq!(accepted(&filled(3000)), None);
        assert_eq!(accepted(&"x".repeat(1 << 20)), None);
    }

    #[test]
    fn keys_in_every_spelling() {
        let (first, second) = (public(1), public(2));
        let both = Keys::parse(&format!(" {first} , {second}= ")).expect("two keys");
        assert!(accept(&sign(HEADER, &good()), &both, &PLACE).is_some());
        assert!(
            accept(&sign(HEADER, &good()), &Keys::parse(&format!("{second},{first}")).expect("two"), &PLACE)
                .is_some()
        );
        let printed = [
            &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..],
            signer(1).verifying_key().as_bytes(),
        ]
        .concat();
        assert_eq!(Keys::parse(&base64ct::Base64::encode_string(&printed)), Keys::parse(&first));
        assert_eq!(Keys::parse(" "), Some(Keys::default()));
        let weak = Base64UrlUnpadded::encode_string(&[0; 32]);
        for wrong in
            [",", "x", &format!("{first},"), &format!("{first},{second},{first}"), &first[1..], &weak]
        {
            assert_eq!(Keys::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused(token: String) {
            prop_assert_eq!(accepted(&token), None);
        }
        #[test]
        fn any_signed_json_is_accepted_or_refused(header in r#"\{.{0,40}\}"#, claims in r#"\{.{0,80}\}"#) {
            prop_assert_eq!(accepted(&sign(&header, &claims)), None);
        }
        /// Cut, or changed in one place: only what base64 itself spells twice could pass, and it does not.
        #[test]
        fn no_changed_token_passes(place: prop::sample::Index, letter in "[A-Za-z0-9._=-]") {
            let token = sign(HEADER, &good());
            let at = place.index(token.len());
            prop_assert_eq!(accepted(&token[..at]), None);
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            prop_assert!(changed == token || accepted(&changed).is_none());
        }
    }
}
