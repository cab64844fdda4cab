//! Where an id is in a sorted array of ids, in the bytes in which PostgreSQL keeps a `uuid[]` (array.h): looked up for every row that
//! a reader passes through, so nothing is converted or copied.

/// Dimensions, offset of the data (0: no NULLs), type, then length and first subscript of the one dimension.
const HEADER: usize = 20;

/// The place of `id` in `array`, which is without its length word; NULL-free arrays of one dimension are all that anybody makes
/// here, and any other holds nothing. `near` is where to look first, any number: rows of one garage often lie together.
pub fn find(array: &[u8], id: &[u8; 16], near: usize) -> Option<usize> {
    let is_plain =
        array.get(..4) == Some(&1i32.to_ne_bytes()) && array.get(4..8) == Some(&0i32.to_ne_bytes());
    let ids = array.get(HEADER..).filter(|_| is_plain).unwrap_or_default().as_chunks().0;
    if ids.get(near) == Some(id) {
        return Some(near);
    }
    // As numbers they are in the order of their bytes, and compare in two steps.
    let wanted = u128::from_be_bytes(*id);
    ids.binary_search_by_key(&wanted, |id| u128::from_be_bytes(*id)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of the numbers, which the first byte tells before the last one.
    fn uuid(n: u8) -> [u8; 16] {
        let mut bytes = [7; 16];
        (bytes[0], bytes[15]) = (n / 16, n % 16);
        bytes
    }

    fn array(dimensions: i32, offset: i32, ids: &[u8]) -> Vec<u8> {
        let header = [dimensions, offset, 2950, ids.len() as i32, 1];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
        ids.iter().for_each(|id| bytes.extend(uuid(*id)));
        bytes
    }

    #[test]
    fn those_that_are_there_are_found() {
        for ids in [vec![], vec![3], vec![3, 5], (0..100).map(|n| 2 * n + 1).collect()] {
            let bytes = array(1, 0, &ids);
            for id in 0..=255 {
                let place = ids.iter().position(|one| *one == id);
                for near in [0, 1, id as usize / 2, 99, 100, usize::MAX] {
                    assert_eq!(find(&bytes, &uuid(id), near), place, "{id} in {ids:?} near {near}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_plain_array_holds_nothing() {
        assert_eq!(find(&array(1, 0, &[3]), &uuid(3), 0), Some(0));
        for bytes in [array(2, 0, &[3]), array(1, 24, &[3]), array(0, 0, &[3]), vec![], vec![1; 19]] {
            assert_eq!(find(&bytes, &uuid(3), 0), None);
        }
        let whole = array(1, 0, &[3, 4]);
        for length in 0..whole.len() {
            assert_eq!(find(&whole[..length], &uuid(4), 1), None);
        }
    }
}
