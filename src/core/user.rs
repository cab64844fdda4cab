//! The id of a user: a UUID in any spelling that PostgreSQL reads, compared as a value.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(pub [u8; 16]);

impl UserId {
    /// As PostgreSQL's type uuid: 32 hexadecimal digits, a hyphen after any four of them, all of it perhaps in braces.
    pub fn parse(text: &[u8]) -> Option<UserId> {
        let inside = text.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        let mut rest = inside.unwrap_or(text);
        let mut id = [0; 16];
        for (position, byte) in id.iter_mut().enumerate() {
            let [high, low, after @ ..] = rest else { return None };
            *byte = (digit(*high)? << 4) | digit(*low)?;
            rest = match after {
                [b'-', after @ ..] if position % 2 == 1 && !after.is_empty() => after,
                _ => after,
            };
        }
        rest.is_empty().then_some(UserId(id))
    }
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: UserId = UserId([
        0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11,
    ]);

    #[test]
    fn every_spelling_of_postgresql() {
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
        ] {
            assert_eq!(UserId::parse(text.as_bytes()), Some(ID), "{text}");
        }
    }

    #[test]
    fn nothing_else() {
        for text in [
            "",
            "{}",
            " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 ",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "{{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}}",
            "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
            "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ] {
            assert_eq!(UserId::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_and_read(id: [u8; 16]) {
            let text: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(UserId::parse(text.as_bytes()), Some(UserId(id)));
        }
        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>) {
            let _ = UserId::parse(&text);
        }
    }
}
