//! One run of a job: its marker is committed first, then each batch with what it did, last the result. An error is recorded
//! and ends the process.
use super::process::{self, Extension, Failure, Mode};
use super::settings::{self, RunLog};
use super::shared::shared;
use super::start::Order;
use crate::core::batch;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{Datum, Oid};
use pgrx::prelude::*;
use std::ffi::{CString, c_int};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Instant;

/// The run of this process while its end is not recorded; 0: none.
static RUN: AtomicI64 = AtomicI64::new(0);
/// Why a run ended before its work was done, without an error.
const NOT_WANTED: &str = "the job was paused or unscheduled";

#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn vend_job_main(argument: Datum) {
    process::receive_signals();
    let database = Oid::from(argument.value() as u32);
    let Some(order) = Order::given() else { return };
    // SAFETY: the callbacks take no more than what is in this process and in shared memory.
    unsafe { pg_sys::on_shmem_exit(Some(leave), argument) };
    process::connect(database, order.role);
    let name = CString::new(format!("vend_analytics job {}", order.job)).unwrap_or_default();
    process::configure(c"application_name", &name);
    // SAFETY: as above; before PostgreSQL's own clean-up, which comes later in this order.
    unsafe { pg_sys::before_shmem_exit(Some(interrupted), Datum::from(0usize)) };

    let Some(run) = process::transaction(Mode::Bookkeeping, || take(&order)) else { return };
    RUN.store(run, SeqCst);
    log(&format!("job \"{}\" begins run {run}", order.job));
    let (sqlstate, message) = match process::attempt(|| perform(run)) {
        Ok(true) => (None, None),
        Ok(false) => (None, Some(NOT_WANTED.to_owned())),
        Err(Failure { sqlstate, message }) => {
            let line = format!("job \"{}\": {message} ({sqlstate})", order.job);
            // Those that are tried again in a second are no failures.
            if sqlstate.starts_with("40") || sqlstate == "55P03" {
                log(&line)
            } else {
                pgrx::warning!("{line}")
            }
            (Some(sqlstate), Some(message))
        }
    };
    // A batch may have found the extension gone.
    process::transaction(Mode::Bookkeeping, || {
        if matches!(process::extension(), Extension::Ours) {
            process::value::<()>(
                "SELECT vend_internal.finish_run($1, $2, $3)",
                &[run.into(), sqlstate.into(), message.into()],
            );
        }
    });
    RUN.store(0, SeqCst);
    log(&format!("job \"{}\" ended run {run}", order.job));
}

fn log(message: &str) {
    match settings::RUN_LOG.get() {
        RunLog::None => {}
        RunLog::Debug => pgrx::debug1!("{message}"),
        RunLog::Log => pgrx::log!("{message}"),
    }
}

/// Notes the run; None: there is nothing to run, or somebody else does.
fn take(order: &Order) -> Option<i64> {
    let Extension::Ours = process::extension() else { return None };
    let start = TimestampWithTimeZone::try_from(process::started_at()).ok()?;
    let taken = Spi::get_two_with_args::<i64, i32>(
        "SELECT t.run, t.timeout FROM (SELECT) AS one LEFT JOIN vend_internal.take_job($1, $2, $3) AS t ON true",
        &[order.job.as_str().into(), order.by_hand.into(), start.into()],
    );
    let (run, timeout) = taken.unwrap_or_else(|error| pgrx::error!("{error}"));
    process::limit(timeout.unwrap_or(settings::STATEMENT_TIMEOUT.get()));
    run
}

struct Part {
    kind: String,
    name: String,
    notes: i64,
    masks: i64,
}

/// False: the job was paused or unscheduled meanwhile.
fn perform(run: i64) -> bool {
    let parts = process::transaction(Mode::Bookkeeping, || parts_of(run));
    for part in &parts {
        process::obey();
        process::show(&format!("{} {}", part.kind, part.name));
        let wanted = if part.kind == "statement" { statement(run, part) } else { batches(run, part) };
        if !wanted {
            return false;
        }
    }
    true
}

fn parts_of(run: i64) -> Vec<Part> {
    let parts: Result<Vec<Part>, spi::Error> = Spi::connect_mut(|client| {
        client
            .update("SELECT kind, name, notes, masks FROM vend_internal.run_parts($1)", None, &[run.into()])?
            .map(|row| {
                Ok(Part {
                    kind: row.get(1)?.unwrap_or_default(),
                    name: row.get(2)?.unwrap_or_default(),
                    notes: row.get(3)?.unwrap_or_default(),
                    masks: row.get(4)?.unwrap_or_default(),
                })
            })
            .collect()
    });
    parts.unwrap_or_else(|error| pgrx::error!("{error}"))
}

/// Apart from what is noted of it, so that nobody who wants a lock on our tables waits for as long as it takes.
fn statement(run: i64, part: &Part) -> bool {
    let wanted = process::transaction(Mode::Bookkeeping, || {
        process::value("SELECT vend_internal.run_is_wanted($1)", &[run.into()]) == Some(true)
    });
    if wanted {
        process::transaction(Mode::Unrestricted, || {
            Spi::run(&part.name).unwrap_or_else(|error| pgrx::error!("{error}"));
        });
        process::transaction(Mode::Bookkeeping, || {
            if let Extension::Ours = process::extension() {
                process::value::<()>("SELECT vend_internal.add_to_run($1)", &[run.into()]);
            }
        });
    }
    wanted
}

/// Not until no note is left, which with busy writers would be never: as many as there were when the run began, and one
/// batch of each kind. A build, which has a number of slices, goes on to its end.
fn batches(run: i64, part: &Part) -> bool {
    let (mut size, mut left) = (batch::FIRST, part.notes);
    for number in 1i64.. {
        process::obey();
        process::show(&format!("{} {}, batch {number}", part.kind, part.name));
        let began = Instant::now();
        let (is_done, is_wanted, is_building) = process::transaction(Mode::Batch, || {
            // DROP EXTENSION waited for the batch before this one.
            let Extension::Ours = process::extension() else { return (true, false, false) };
            let answer = Spi::get_three_with_args::<bool, bool, bool>(
                "SELECT b.is_done, b.is_wanted, b.is_building FROM vend_internal.run_batch($1, $2, $3, $4) b",
                &[run.into(), part.kind.as_str().into(), part.name.as_str().into(), size.into()],
            );
            let (is_done, is_wanted, is_building) = answer.unwrap_or_else(|error| pgrx::error!("{error}"));
            (is_done != Some(false), is_wanted == Some(true), is_building == Some(true))
        });
        if !is_wanted {
            return false;
        }
        left = left.saturating_sub(size);
        if is_done || (!is_building && left < 0 && number > part.masks) {
            return true;
        }
        let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        size = batch::next(size, took, settings::BATCH_TIME.get().into());
    }
    true
}

/// Whatever ends the process: its slot is free, and its scheduler looks at what is due.
///
/// # Safety
/// Called by PostgreSQL at the end of the process, with the database's OID.
#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: c_int, argument: Datum) {
    if let Some(order) = Order::given() {
        shared().free_slot(order.slot, order.token);
        shared().wake_waiting(Oid::from(argument.value() as u32));
    }
}

/// A process that was told to end says so; PostgreSQL drops temporary tables in such a transaction. An error here ends the
/// process all the same, and the next scheduler finds it gone.
///
/// # Safety
/// Called by PostgreSQL at the end of the process.
#[pg_guard]
unsafe extern "C-unwind" fn interrupted(_code: c_int, _argument: Datum) {
    let run = RUN.swap(0, SeqCst);
    if run == 0 {
        return;
    }
    // SAFETY: leaves whatever the process was in the middle of.
    unsafe { pg_sys::AbortOutOfAnyTransaction() };
    process::limit(0);
    process::transaction(Mode::Last, || {
        if let Extension::Ours = process::extension() {
            process::value::<()>("SELECT vend_internal.interrupt_run($1)", &[run.into()]);
        }
    });
}
