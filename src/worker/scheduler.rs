//! A scheduler looks at the jobs of one database once: settles runs whose processes are gone, starts what is due, leaves
//! in shared memory when to look again, and ends.
use super::process::{self, Extension, Mode};
use super::settings;
use super::shared::{self, Database, HUNGRY, NEVER, SERVED, WITHOUT_EXTENSION, shared};
use super::start::{self, Order, Started};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{Datum, Oid};
use pgrx::prelude::*;
use std::sync::atomic::Ordering::SeqCst;

/// Where nothing else tells when to look again.
const A_WHILE: i64 = 10_000_000;

#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn vend_scheduler_main(argument: Datum) {
    process::receive_signals();
    let database = Oid::from(argument.value() as u32);
    let (Some(order), Some(entry)) = (Order::given(), shared().database(database)) else { return };
    process::connect(database, order.role);
    // However long jobs may take and wait: a scheduler that does is one that nobody else replaces.
    process::configure(c"lock_timeout", c"2s");
    process::limit(60_000);
    process::show("looking for jobs that are due");
    let Some(jobs) = process::transaction(Mode::Bookkeeping, || jobs_to_start(entry)) else {
        entry.state.store(WITHOUT_EXTENSION, SeqCst);
        return;
    };
    let (mut started, mut without_slot, mut too_many) = (Vec::new(), Vec::new(), false);
    for job in jobs {
        let most = usize::try_from(settings::MAX_RUNNING_JOBS.get()).unwrap_or(1);
        match start::job(database, order.role, &job, false, most) {
            Started::Yes | Started::SameJob => started.push(job),
            Started::NoWorkerSlot => without_slot.push(job),
            // The end of one of the others wakes us.
            Started::TooMany => {
                too_many = true;
                started.push(job);
            }
        }
    }
    let somebody_waits = !started.is_empty();
    let next = process::transaction(Mode::Bookkeeping, || {
        process::value::<TimestampWithTimeZone>(
            "SELECT vend_internal.after_start($1, $2)",
            &[started.into(), without_slot.into()],
        )
    });
    let next = next.map_or(NEVER, i64::from);
    // A process that never gets as far as to say that it ends must not be waited for.
    let next = if somebody_waits { next.min(shared::now().saturating_add(A_WHILE)) } else { next };
    entry.due.fetch_min(next, SeqCst);
    entry.state.store(if too_many { HUNGRY } else { SERVED }, SeqCst);
}

/// None where the extension is not, or of a version that this library does not know.
fn jobs_to_start(entry: &Database) -> Option<Vec<String>> {
    match process::extension() {
        Extension::Absent => return None,
        Extension::Unknown(version) => {
            if !entry.tell(true) {
                pgrx::warning!(
                    "vend_analytics {version} is not known to this library: no jobs run in this database"
                );
            }
            return None;
        }
        Extension::Ours => entry.tell(false),
    };
    let jobs = Spi::connect_mut(|client| {
        client
            .update("SELECT vend_internal.jobs_to_start()", None, &[])
            .map(|rows| rows.filter_map(|row| row.get::<String>(1).ok().flatten()).collect())
    });
    Some(jobs.unwrap_or_else(|error| pgrx::error!("{error}")))
}
