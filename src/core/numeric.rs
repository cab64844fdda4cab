//! The bytes of PostgreSQL's `numeric`, which are the same on disk in every supported version: a 16-bit header
//! (sign, scale and weight packed when short, else sign and scale and then the weight), then base-10,000 digits.
use super::error::CoreError;
use super::money::Amount;

/// `body` is what follows the varlena header.
pub fn amount(body: &[u8]) -> Result<Amount, CoreError> {
    let (words, _) = body.as_chunks::<2>();
    let (header, rest) = words.split_first().ok_or_else(|| CoreError::CorruptState)?;
    let header = u16::from_ne_bytes(*header);
    let (negative, scale, weight, digits) = match header >> 14 {
        0b10 => {
            let weight = header & 0x3f;
            let weight =
                if header & 0x40 == 0 { i32::from(weight) } else { i32::from(weight).saturating_sub(0x40) };
            (header & 0x2000 != 0, (header >> 7) & 0x3f, weight, rest)
        }
        0b11 => return Err(CoreError::AmountNotFinite),
        sign => {
            let (weight, digits) = rest.split_first().ok_or_else(|| CoreError::CorruptState)?;
            (sign == 0b01, header & 0x3fff, i16::from_ne_bytes(*weight).into(), digits)
        }
    };
    // Nearly every count: one digit, a whole number below 10,000.
    if let ([digit], 0, 0, false) = (digits, weight, scale, negative) {
        return Ok(Amount::new(u16::from_ne_bytes(*digit).into(), 0));
    }
    Amount::from_base_10000(negative, weight, scale, digits.iter().map(|digit| u16::from_ne_bytes(*digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn short_long_and_special() {
        // 12.45 and -0.05, as numeric_send shows their parts; then a long header and NaN.
        assert_eq!(amount(&bytes(&[0x8000 | 2 << 7, 12, 4500])), Ok(Amount::new(1245, 2)));
        assert_eq!(amount(&bytes(&[0x8000 | 0x2000 | 2 << 7 | 0x7f, 500])), Ok(Amount::new(-5, 2)));
        assert_eq!(amount(&bytes(&[0x4000 | 70, 0])), Ok(Amount::new(0, 70)));
        assert_eq!(amount(&bytes(&[0xc000])), Err(CoreError::AmountNotFinite));
        assert_eq!(amount(&[]), Err(CoreError::CorruptState));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_amount_or_an_error(body: Vec<u8>) {
            let _ = amount(&body);
        }
    }
}
