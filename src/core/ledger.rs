//! From the versions of one subscription to its paid intervals (METRICS.md, 2): the one place where the ledger's rules are.
//!
//! A version holds from its effective instant until a later one takes effect, so of several at one instant the last holds.
//! The versions that hold fall into runs of one status, and the last version of a run has the dates of all of it. Every
//! interval is therefore a function of the versions and the grace: a correction restates what it corrects.
use super::calendar::{FOREVER, Instant, NEVER};

/// PostgreSQL has no finite instant from here on.
const END_OF_TIME: Instant = 9_223_371_331_200_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
    /// The row is gone.
    Deleted,
    /// Trials, incomplete ones and words that nobody knows: never paid.
    Other,
}

impl Status {
    pub fn parse(word: &str) -> Status {
        match word {
            "active" => Status::Active,
            "past_due" => Status::PastDue,
            "unpaid" => Status::Unpaid,
            "paused" => Status::Paused,
            "canceled" => Status::Canceled,
            "deleted" => Status::Deleted,
            _ => Status::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Voluntary,
    Involuntary,
    Paused,
    Deleted,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::Voluntary => "voluntary",
            Reason::Involuntary => "involuntary",
            Reason::Paused => "paused",
            Reason::Deleted => "deleted",
        }
    }
}

/// What a subscription looked like after one write.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    pub effective_at: Instant,
    /// Whether the write itself was seen. If not, the row stands for its whole past, as at attach: it was paid from its
    /// creation until its service ended.
    pub seen: bool,
    /// When an unseen row came to its status, as far as it says.
    pub changed_at: Option<Instant>,
    pub created_at: Option<Instant>,
    pub status: Status,
    /// The end of the period, where the subscription is cancelled at it.
    pub scheduled_end: Option<Instant>,
    pub canceled_at: Option<Instant>,
    /// Who pays how much for what; None: nothing is paid.
    pub terms: Option<&'a str>,
}

/// Paid time `[from, until)` on the terms of a version, named by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    pub from: Instant,
    pub until: Instant,
    pub version: usize,
    /// Why paid time stops; None while it goes on.
    pub reason: Option<Reason>,
}

/// The time in which a version holds; never empty.
#[derive(Clone, Copy)]
struct Hold<'a> {
    from: Instant,
    until: Instant,
    version: usize,
    of: Version<'a>,
}

/// The paid intervals of a subscription from its versions, in the order in which they were written. No grace: no limit.
pub fn paid(versions: &[Version], grace: Option<i64>) -> Vec<Paid> {
    let mut intervals = Intervals { versions, paid: Vec::new() };
    let mut before = None;
    for run in holds(versions).chunk_by(|one, next| one.of.status == next.of.status) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            intervals.add_run(run, first, service_end(first, &last.of, before, grace));
            before = Some(first.of.status);
        }
    }
    intervals.paid
}

fn holds<'a>(versions: &[Version<'a>]) -> Vec<Hold<'a>> {
    let mut holds = Vec::with_capacity(versions.len());
    // A row that comes back after it was deleted begins another life, whose dates cannot undo the one before.
    let mut earlier_life = NEVER;
    for life in versions.split_inclusive(|version| version.status == Status::Deleted) {
        let created = life.last().and_then(|last| last.created_at).map(|at| at.max(earlier_life));
        for (n, &of) in life.iter().enumerate() {
            let from = match created {
                _ if of.status == Status::Deleted => of.effective_at.max(earlier_life),
                Some(created) if n == 0 => created,
                Some(created) => of.effective_at.max(created),
                // Without a beginning nothing of it ever holds.
                None => FOREVER,
            };
            holds.push(Hold { from, until: FOREVER, version: holds.len(), of });
        }
        earlier_life = holds.last().map_or(earlier_life, |last| last.from);
    }
    let mut next = FOREVER;
    for hold in holds.iter_mut().rev() {
        hold.until = next;
        next = next.min(hold.from);
    }
    holds.retain(|hold| hold.from < hold.until);
    holds
}

/// When the service of a run of one status ends, and why; None: it goes on.
fn service_end(
    first: &Hold, last: &Version, before: Option<Status>, grace: Option<i64>,
) -> Option<(Instant, Reason)> {
    let changed = if first.of.seen { Some(first.from) } else { first.of.changed_at };
    let scheduled = last.scheduled_end.map(|at| (at, Reason::Voluntary));
    let stopped = match first.of.status {
        Status::PastDue => changed.zip(grace).map(|(at, grace)| (after(at, grace), Reason::Involuntary)),
        Status::Unpaid => changed.map(|at| (at, Reason::Involuntary)),
        Status::Paused => changed.map(|at| (at, Reason::Paused)),
        Status::Canceled => {
            let failing = matches!(before, Some(Status::PastDue | Status::Unpaid));
            let reason = if failing { Reason::Involuntary } else { Reason::Voluntary };
            let at = last.scheduled_end.or(last.canceled_at).or(changed);
            return at.map(|at| (at, reason)).filter(|&(at, _)| at < END_OF_TIME);
        }
        Status::Active | Status::Other => None,
        Status::Deleted => return None,
    };
    // At one instant the customer's own wish is the reason.
    [scheduled, stopped].into_iter().flatten().min_by_key(|&(at, _)| at).filter(|&(at, _)| at < END_OF_TIME)
}

/// The infinities stay infinities.
fn after(at: Instant, time: i64) -> Instant {
    if at == NEVER { NEVER } else { at.saturating_add(time) }
}

struct Intervals<'a> {
    versions: &'a [Version<'a>],
    paid: Vec<Paid>,
}

impl Intervals<'_> {
    fn add_run(&mut self, run: &[Hold], first: &Hold, end: Option<(Instant, Reason)>) {
        if let Some((at, reason)) = end.filter(|&(at, _)| at <= first.from) {
            self.cut(first.from, at, reason);
        }
        for hold in run {
            let until = end.map_or(hold.until, |(at, _)| at.min(hold.until));
            let running = self.running(hold.from);
            let pays = match hold.of.status {
                Status::Active | Status::PastDue => true,
                // These continue what is paid; only of an unseen row it is taken for granted that it was paid before.
                Status::Unpaid | Status::Paused | Status::Canceled => running || !first.of.seen,
                Status::Deleted | Status::Other => false,
            };
            if pays && hold.of.terms.is_some() && hold.from < until {
                let reason = end.filter(|&(at, _)| at == until).map(|(_, reason)| reason);
                self.push(Paid { from: hold.from, until, version: hold.version, reason });
            } else if running {
                let deleted = hold.of.status == Status::Deleted;
                self.stop(if deleted { Reason::Deleted } else { Reason::Voluntary });
            }
        }
    }

    /// Whether paid time goes on until just before an instant, and no end of service stopped it there.
    fn running(&self, at: Instant) -> bool {
        self.paid.last().is_some_and(|last| last.until == at && last.reason.is_none())
    }

    fn stop(&mut self, reason: Reason) {
        if let Some(last) = self.paid.last_mut() {
            last.reason = Some(reason);
        }
    }

    /// An end of service that is learned at `learned` bounds the paid time that runs until then.
    fn cut(&mut self, learned: Instant, end: Instant, reason: Reason) {
        let mut until = learned;
        while self.running(until) {
            let Some(last) = self.paid.last_mut() else { return };
            if last.from < end {
                last.until = end;
                last.reason = Some(reason);
                return;
            }
            until = last.from;
            self.paid.pop();
        }
    }

    fn push(&mut self, next: Paid) {
        let terms = |paid: &Paid| self.versions.get(paid.version).and_then(|version| version.terms);
        let same = self.paid.last().is_some_and(|last| terms(last) == terms(&next));
        if let Some(last) = self.paid.last_mut().filter(|last| last.until == next.from) {
            last.reason = None;
            if same {
                last.until = next.until;
                last.reason = next.reason;
                return;
            }
        }
        self.paid.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TICKS: usize = 32;
    type Ticks = Vec<Option<&'static str>>;

    /// The definition, one instant after the other: what is paid at each, and why paid time stopped at each.
    fn paid_by_ticks(versions: &[Version<'static>], grace: Option<i64>) -> (Ticks, Vec<Option<Reason>>) {
        let begins = begins_by_definition(versions);
        // The version in force is the last written of those that have taken effect.
        let in_force = |t: usize| (0..versions.len()).rfind(|&n| begins[n] <= t as i64);
        let status = |t: usize| in_force(t).map(|n| versions[n].status);
        let mut paid: Ticks = vec![None; TICKS];
        let mut stops = vec![None; TICKS + 1];
        let mut start = 0;
        while start < TICKS {
            let end = (start..TICKS).find(|&t| status(t) != status(start)).unwrap_or(TICKS);
            let (Some(first), Some(last)) = (in_force(start), in_force(end - 1)) else {
                start = end;
                continue;
            };
            let (first, last) = (&versions[first], &versions[last]);
            let before = if start > 0 { status(start - 1) } else { None };
            let changed = if first.seen { Some(start as i64) } else { first.changed_at };
            let mut ends = Vec::new();
            if first.status != Status::Deleted {
                ends.extend(last.scheduled_end.map(|at| (at, Reason::Voluntary)));
            }
            match first.status {
                Status::Canceled => {
                    let failing = before == Some(Status::PastDue) || before == Some(Status::Unpaid);
                    let reason = if failing { Reason::Involuntary } else { Reason::Voluntary };
                    let at = last.scheduled_end.or(last.canceled_at).or(changed);
                    ends = at.map(|at| (at, reason)).into_iter().collect();
                }
                Status::Unpaid => ends.extend(changed.map(|at| (at, Reason::Involuntary))),
                Status::Paused => ends.extend(changed.map(|at| (at, Reason::Paused))),
                Status::PastDue => {
                    if let (Some(at), Some(grace)) = (changed, grace) {
                        ends.push((at + grace, Reason::Involuntary));
                    }
                }
                _ => {}
            }
            ends.sort_by_key(|&(at, _)| at);
            let over = ends.first().copied();
            // Learned late: it bounds the paid time that is running.
            if let Some((at, reason)) = over.filter(|&(at, _)| at <= start as i64) {
                let mut t = start;
                if t > 0 && paid[t - 1].is_some() && stops[t].is_none() {
                    while t > 0 && paid[t - 1].is_some() && stops[t].is_none() && t as i64 > at {
                        t -= 1;
                        paid[t] = None;
                    }
                    if t > 0 && paid[t - 1].is_some() {
                        stops[t] = Some(reason);
                    }
                }
            }
            for t in start..end {
                let now = &versions[in_force(t).expect("in a run")];
                let running = t > 0 && paid[t - 1].is_some() && stops[t].is_none();
                let served = over.is_none_or(|(at, _)| (t as i64) < at);
                let pays = match now.status {
                    Status::Active | Status::PastDue => true,
                    Status::Unpaid | Status::Paused | Status::Canceled => running || !first.seen,
                    Status::Other | Status::Deleted => false,
                };
                if pays && served && now.terms.is_some() {
                    paid[t] = now.terms;
                    stops[t] = None;
                    if let Some((_, reason)) = over.filter(|&(at, _)| at == t as i64 + 1) {
                        stops[t + 1] = Some(reason);
                    }
                } else if running {
                    let deleted = now.status == Status::Deleted;
                    stops[t] = Some(if deleted { Reason::Deleted } else { Reason::Voluntary });
                }
            }
            start = end;
        }
        (paid, stops)
    }

    fn begins_by_definition(versions: &[Version]) -> Vec<Instant> {
        let mut begins: Vec<Instant> = Vec::new();
        for (n, version) in versions.iter().enumerate() {
            let earlier = (0..n).rfind(|&m| versions[m].status == Status::Deleted);
            let earlier_life = earlier.map_or(NEVER, |m| begins[m]);
            let last = (n..versions.len()).find(|&m| versions[m].status == Status::Deleted);
            let created = versions[last.unwrap_or(versions.len() - 1)].created_at;
            let opening = created.map_or(FOREVER, |at| at.max(earlier_life));
            let is_first = earlier.map_or(n == 0, |m| m + 1 == n);
            begins.push(match version.status {
                Status::Deleted => version.effective_at.max(earlier_life),
                _ if is_first => opening,
                _ => version.effective_at.max(opening),
            });
        }
        begins
    }

    fn some_version() -> impl Strategy<Value = Version<'static>> {
        let status = prop_oneof![
            4 => Just(Status::Active), 2 => Just(Status::PastDue), 1 => Just(Status::Unpaid), 1 => Just(Status::Paused),
            2 => Just(Status::Canceled), 1 => Just(Status::Deleted), 1 => Just(Status::Other)
        ];
        let at = || proptest::option::weighted(0.3, 0..24i64);
        let created = proptest::option::weighted(0.95, prop_oneof![3 => Just(2i64), 1 => 0..20i64]);
        let terms = proptest::option::weighted(0.85, prop_oneof![Just("a"), Just("b")]);
        let seen = prop_oneof![3 => Just(true), 1 => Just(false)];
        (0..24i64, seen, at(), created, status, at(), at(), terms).prop_map(
            |(effective_at, seen, changed_at, created_at, status, scheduled_end, canceled_at, terms)| {
                Version {
                    effective_at,
                    seen,
                    changed_at,
                    created_at,
                    status,
                    scheduled_end,
                    canceled_at,
                    terms,
                }
            },
        )
    }

    /// Mostly in order, as written; some are written late.
    fn histories() -> impl Strategy<Value = Vec<Version<'static>>> {
        (proptest::collection::vec(some_version(), 1..8), any::<bool>()).prop_map(|(mut versions, sorted)| {
            if sorted {
                let mut at: Vec<_> = versions.iter().map(|version| version.effective_at).collect();
                at.sort_unstable();
                versions.iter_mut().zip(at).for_each(|(version, at)| version.effective_at = at);
            }
            versions
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn equals_the_definition_tick_by_tick(versions in histories(), grace in proptest::option::of(0..6i64)) {
            let intervals = paid(&versions, grace);
            let (ticks, stops) = paid_by_ticks(&versions, grace);
            let mut found: Ticks = vec![None; TICKS];
            for interval in &intervals {
                let until = interval.until.min(TICKS as i64);
                for t in interval.from..until {
                    prop_assert_eq!(found[t as usize], None);
                    found[t as usize] = versions[interval.version].terms;
                }
                let goes_on = until < TICKS as i64 && ticks[until as usize].is_some();
                let reason = if goes_on { None } else { stops[until as usize] };
                prop_assert_eq!(interval.reason, reason);
            }
            prop_assert_eq!(found, ticks);
        }
        /// METRICS.md, 9, 10: no overlap, no empty interval; and touching equal ones are one.
        #[test]
        fn is_ordered_and_merged(versions in histories(), grace in proptest::option::of(0..6i64)) {
            let intervals = paid(&versions, grace);
            prop_assert!(intervals.iter().all(|interval| interval.from < interval.until));
            for pair in intervals.windows(2) {
                prop_assert!(pair[0].until <= pair[1].from);
                let touch = pair[0].until == pair[1].from;
                prop_assert!(!touch || versions[pair[0].version].terms != versions[pair[1].version].terms);
                prop_assert_eq!(touch, pair[0].reason.is_none());
            }
        }
    }

    const ROW: Version<'static> = Version {
        effective_at: 10,
        seen: false,
        changed_at: None,
        created_at: Some(10),
        status: Status::Active,
        scheduled_end: None,
        canceled_at: None,
        terms: Some("a"),
    };
    fn seen(effective_at: Instant, status: Status) -> Version<'static> {
        Version { effective_at, seen: true, status, ..ROW }
    }
    fn shown(versions: &[Version]) -> Vec<(Instant, Instant, &'static str)> {
        let row = |paid: &Paid| (paid.from, paid.until, paid.reason.map_or("", Reason::word));
        paid(versions, None).iter().map(row).collect()
    }

    #[test]
    fn service_end_is_learned_late_and_starts_nothing() {
        let canceled = Version { canceled_at: Some(25), ..seen(30, Status::Canceled) };
        assert_eq!(shown(&[ROW, canceled]), [(10, 25, "voluntary")]);
        let later = Version { canceled_at: Some(40), ..canceled };
        assert_eq!(shown(&[ROW, later]), [(10, 40, "voluntary")]);
        assert_eq!(shown(&[ROW, seen(20, Status::Paused), later]), [(10, 20, "paused")]);
        // The last version of the run has its dates.
        let corrected = Version { canceled_at: Some(22), ..seen(35, Status::Canceled) };
        assert_eq!(shown(&[ROW, canceled, corrected]), [(10, 22, "voluntary")]);
        assert_eq!(
            shown(&[ROW, canceled, seen(50, Status::Active)]),
            [(10, 25, "voluntary"), (50, FOREVER, "")]
        );
        // Paid time that ended before is not running any more.
        let earlier = Version { canceled_at: Some(15), ..canceled };
        assert_eq!(shown(&[ROW, seen(20, Status::Unpaid), earlier]), [(10, 20, "involuntary")]);
    }

    #[test]
    fn a_cancellation_undone_was_never_asked() {
        let scheduled = Version { scheduled_end: Some(25), ..seen(20, Status::Active) };
        assert_eq!(shown(&[ROW, scheduled]), [(10, 25, "voluntary")]);
        assert_eq!(shown(&[ROW, scheduled, seen(22, Status::Active)]), [(10, FOREVER, "")]);
        assert_eq!(shown(&[ROW, scheduled, seen(27, Status::Active)]), [(10, FOREVER, "")]);
        let moved = Version { scheduled_end: Some(30), ..seen(22, Status::Active) };
        assert_eq!(shown(&[ROW, scheduled, moved]), [(10, 30, "voluntary")]);
        let gone = Version { scheduled_end: Some(25), ..seen(26, Status::Canceled) };
        assert_eq!(shown(&[ROW, scheduled, gone]), [(10, 25, "voluntary")]);
        assert_eq!(
            shown(&[ROW, scheduled, gone, seen(28, Status::Active)]),
            [(10, 25, "voluntary"), (28, FOREVER, "")]
        );
    }

    #[test]
    fn failing_payments_end_it_against_the_customers_will() {
        let failing = seen(20, Status::PastDue);
        assert_eq!(shown(&[ROW, failing]), [(10, FOREVER, "")]);
        assert_eq!(shown(&[ROW, failing, seen(30, Status::Canceled)]), [(10, 30, "involuntary")]);
        assert_eq!(paid(&[ROW, failing], Some(5))[0].until, 25);
        // The spell is one, whatever else was written in it.
        assert_eq!(paid(&[ROW, failing, seen(23, Status::PastDue)], Some(5))[0].until, 25);
        // A wish that came true before is the reason.
        let wished = Version { scheduled_end: Some(30), ..failing };
        assert_eq!(shown(&[ROW, wished, seen(30, Status::Canceled)]), [(10, 30, "voluntary")]);
    }

    #[test]
    fn deleted_and_back() {
        let deleted = seen(20, Status::Deleted);
        assert_eq!(shown(&[ROW, deleted]), [(10, 20, "deleted")]);
        // Put back from its own dates, after the past that stays.
        assert_eq!(shown(&[ROW, deleted, ROW]), [(10, FOREVER, "")]);
        let unpaid = Version { status: Status::Unpaid, changed_at: Some(15), ..ROW };
        assert_eq!(shown(&[ROW, deleted, unpaid]), [(10, 15, "involuntary")]);
        let new = Version { created_at: Some(30), effective_at: 30, ..ROW };
        assert_eq!(shown(&[ROW, deleted, new]), [(10, 20, "deleted"), (30, FOREVER, "")]);
    }

    #[test]
    fn the_beginning_can_be_corrected_and_infinities_stay() {
        let corrected = Version { created_at: Some(12), ..seen(20, Status::Active) };
        assert_eq!(shown(&[ROW, corrected]), [(12, FOREVER, "")]);
        assert_eq!(shown(&[ROW, Version { created_at: None, ..corrected }]), []);
        let failing =
            Version { status: Status::PastDue, changed_at: Some(NEVER), created_at: Some(NEVER), ..ROW };
        assert_eq!(paid(&[failing], Some(5)), []);
        let late = Version { changed_at: Some(FOREVER), ..failing };
        assert_eq!(paid(&[late], Some(5))[0].until, FOREVER);
        assert_eq!(paid(&[late], Some(5))[0].reason, None);
    }
}
