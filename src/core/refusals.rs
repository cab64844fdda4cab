//! Sign-ins that were refused, in memory of a fixed size: what failed transactions wrote is gone. An hour of one login in one
//! database is one line with a count, so that whoever tries for ever takes a line an hour. All zero bytes are none.
use super::ring::Ring;

const HOUR: i64 = 3_600_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Line {
    pub database: u32,
    pub login: u32,
    /// The first and the last, in microseconds.
    pub since: i64,
    pub until: i64,
    pub count: i64,
    /// How many of them somebody has written down.
    kept: i64,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Refusals<const N: usize> {
    lines: Ring<Line, N>,
    lost: i64,
}

impl<const N: usize> Refusals<N> {
    pub fn note(&mut self, database: u32, login: u32, now: i64) {
        let line = self.lines.entries_mut().iter_mut().find(|line| {
            (line.database, line.login) == (database, login)
                && (0..HOUR).contains(&now.saturating_sub(line.since))
        });
        if let Some(line) = line {
            line.until = line.until.max(now);
            line.count = line.count.saturating_add(1);
            return;
        }
        let line = Line { database, login, since: now, until: now, count: 1, kept: 0 };
        if let Some(gone) = self.lines.push(line) {
            self.lost = self.lost.saturating_add(gone.count.saturating_sub(gone.kept));
        }
    }

    /// In no order.
    pub fn of(&self, database: u32) -> impl Iterator<Item = &Line> {
        self.lines.entries().iter().filter(move |line| line.database == database)
    }

    /// What is there by now of a database is written down.
    pub fn keep(&mut self, database: u32) {
        for line in self.lines.entries_mut().iter_mut().filter(|line| line.database == database) {
            line.kept = line.count;
        }
    }

    /// How many were given up for later ones before anybody wrote them down, in all databases.
    pub fn lost(&self) -> i64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty<const N: usize>() -> Refusals<N> {
        let line = Line { database: 0, login: 0, since: 0, until: 0, count: 0, kept: 0 };
        Refusals { lines: Ring::of(line), lost: 0 }
    }

    fn lines<const N: usize>(refusals: &Refusals<N>, database: u32) -> Vec<(u32, i64, i64, i64)> {
        refusals.of(database).map(|line| (line.login, line.since, line.until, line.count)).collect()
    }

    #[test]
    fn an_hour_of_a_login_is_a_line() {
        let mut refusals = empty::<4>();
        assert_eq!(lines(&refusals, 0), []);
        for now in [10, 20, HOUR + 9, HOUR + 10] {
            refusals.note(1, 7, now);
        }
        refusals.note(1, 8, 30);
        refusals.note(2, 7, 30);
        assert_eq!(lines(&refusals, 1), [(7, 10, HOUR + 9, 3), (7, HOUR + 10, HOUR + 10, 1), (8, 30, 30, 1)]);
        assert_eq!(lines(&refusals, 2), [(7, 30, 30, 1)]);
        // A clock that was set back.
        refusals.note(2, 7, 29);
        assert_eq!((lines(&refusals, 2), refusals.lost()), (vec![(7, 29, 29, 1), (7, 30, 30, 1)], 3));
    }

    #[test]
    fn what_was_written_down_is_not_lost() {
        let mut refusals = empty::<2>();
        refusals.note(1, 1, 0);
        refusals.note(1, 1, 1);
        refusals.keep(1);
        refusals.note(1, 1, 2);
        refusals.note(2, 2, 2);
        refusals.note(2, 3, 2);
        assert_eq!(refusals.lost(), 1);
        refusals.note(2, 4, 2);
        assert_eq!(refusals.lost(), 2);
        assert_eq!((lines(&refusals, 1), lines(&refusals, 2).len()), (vec![], 2));
    }
}
