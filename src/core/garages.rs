//! Whether an id is in a sorted array of ids, in the bytes in which PostgreSQL keeps a `uuid[]` (array.h): looked up for every
//! row that a reader passes through, so nothing is converted or copied.

/// Dimensions, offset of the data (0: no NULLs), type, then length and first subscript of the one dimension.
const HEADER: usize = 20;

/// `array` without its length word. An array with NULLs or of more dimensions, which nobody makes here, holds nothing.
pub fn contains(array: &[u8], id: &[u8; 16]) -> bool {
    let is_plain =
        array.get(..4) == Some(&1i32.to_ne_bytes()) && array.get(4..8) == Some(&0i32.to_ne_bytes());
    let ids = array.get(HEADER..).filter(|_| is_plain).unwrap_or_default();
    ids.as_chunks().0.binary_search(id).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(dimensions: i32, offset: i32, ids: &[u8]) -> Vec<u8> {
        let header = [dimensions, offset, 2950, ids.len() as i32, 1];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
        ids.iter().for_each(|id| bytes.extend([*id; 16]));
        bytes
    }

    #[test]
    fn those_that_are_there_are_found() {
        for ids in [vec![], vec![3], vec![3, 5], (0..100).map(|n| 2 * n + 1).collect()] {
            let bytes = array(1, 0, &ids);
            for id in 0..=255 {
                assert_eq!(contains(&bytes, &[id; 16]), ids.contains(&id), "{id} in {ids:?}");
            }
        }
    }

    #[test]
    fn what_is_no_plain_array_holds_nothing() {
        assert!(contains(&array(1, 0, &[3]), &[3; 16]));
        for bytes in [array(2, 0, &[3]), array(1, 24, &[3]), array(0, 0, &[3]), vec![], vec![1; 19]] {
            assert!(!contains(&bytes, &[3; 16]));
        }
        let whole = array(1, 0, &[3, 4]);
        for length in 0..whole.len() {
            assert!(!contains(&whole[..length], &[4; 16]));
        }
    }
}
