//! Starting processes, and what each is told.
use super::shared::{Taken, shared, token};
use pgrx::pg_sys;
use pgrx::pg_sys::{BackgroundWorker, BackgroundWorkerHandle, BgwHandleStatus, Oid};
use std::ffi::{c_char, c_int};

/// What a job process is told besides its database. It fits into the 128 bytes that the postmaster hands on, as a job's
/// name has at most 100.
pub struct Order {
    pub role: Oid,
    pub by_hand: bool,
    pub slot: usize,
    pub token: u64,
    pub job: String,
}
const FIXED: usize = 14;

impl Order {
    fn encode(&self, extra: &mut [c_char]) {
        let fixed = self
            .role
            .to_u32()
            .to_ne_bytes()
            .into_iter()
            .chain([u8::from(self.by_hand), u8::try_from(self.slot).unwrap_or(u8::MAX)])
            .chain(self.token.to_ne_bytes());
        for (place, byte) in extra.iter_mut().zip(fixed.chain(self.job.bytes()).chain([0])) {
            *place = byte as c_char;
        }
    }

    /// Of this process.
    pub fn given() -> Option<Order> {
        // SAFETY: called in a worker process, where the postmaster has set the entry.
        let extra: Vec<u8> =
            unsafe { (*pg_sys::MyBgworkerEntry).bgw_extra }.iter().map(|&c| c as u8).collect();
        let (fixed, name) = extra.split_at_checked(FIXED)?;
        let length = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        Some(Order {
            role: Oid::from(u32::from_ne_bytes(fixed.get(..4)?.try_into().ok()?)),
            by_hand: *fixed.get(4)? != 0,
            slot: usize::from(*fixed.get(5)?),
            token: u64::from_ne_bytes(fixed.get(6..14)?.try_into().ok()?),
            job: String::from_utf8_lossy(name.get(..length)?).into_owned(),
        })
    }
}

fn copy(text: &str, field: &mut [c_char]) {
    let room = field.len().saturating_sub(1);
    let mut end = room.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for (place, byte) in field.iter_mut().zip(text.as_bytes().iter().take(end)) {
        *place = *byte as c_char;
    }
}

pub const LAUNCHER: &str = "vend_analytics launcher";
const SCHEDULER: &str = "vend_analytics scheduler";
const JOB: &str = "vend_analytics job";

/// A worker that PostgreSQL connects when it asks for it. `kind` shows as backend_type in pg_stat_activity.
fn worker(kind: &str, name: &str, function: &str, argument: Oid) -> BackgroundWorker {
    // SAFETY: a zeroed struct of numbers and byte arrays is valid.
    let mut worker: BackgroundWorker = unsafe { std::mem::zeroed() };
    copy(name, &mut worker.bgw_name);
    copy(kind, &mut worker.bgw_type);
    copy("vend_analytics", &mut worker.bgw_library_name);
    copy(function, &mut worker.bgw_function_name);
    worker.bgw_flags =
        (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION) as c_int;
    worker.bgw_start_time = pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = pg_sys::BGW_NEVER_RESTART;
    worker.bgw_main_arg = pg_sys::Datum::from(argument);
    worker
}

/// `only`: the one database that it serves; invalid: all.
pub fn launcher(only: Oid) -> BackgroundWorker {
    let mut worker = worker(LAUNCHER, LAUNCHER, "vend_launcher_main", only);
    worker.bgw_restart_time = 1;
    worker
}

/// Registers a process whose end sets our latch; None: no worker slot is free.
fn register(mut worker: BackgroundWorker) -> Option<*mut BackgroundWorkerHandle> {
    let mut handle = std::ptr::null_mut();
    // SAFETY: PostgreSQL copies the struct; the handle is allocated in the current memory context.
    let registered = unsafe {
        worker.bgw_notify_pid = pg_sys::MyProcPid;
        pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle)
    };
    registered.then_some(handle)
}

pub fn scheduler(database: Oid, role: Oid) -> Option<*mut BackgroundWorkerHandle> {
    let mut worker = worker(SCHEDULER, SCHEDULER, "vend_scheduler_main", database);
    let order = Order { role, by_hand: false, slot: 0, token: 0, job: String::new() };
    order.encode(&mut worker.bgw_extra);
    register(worker)
}

pub fn own_launcher(database: Oid) -> bool {
    wait(register(launcher(database)))
}

pub enum Started {
    Yes,
    /// It has a process already.
    SameJob,
    TooMany,
    NoWorkerSlot,
}

/// Starts a process for a job, unless it has one or `most` jobs have.
pub fn job(database: Oid, role: Oid, job: &str, by_hand: bool, most: usize) -> Started {
    let token = token(database, job);
    let slot = match shared().take_slot(token, most) {
        Ok(slot) => slot,
        Err(Taken::SameJob) => return Started::SameJob,
        Err(Taken::TooMany) => return Started::TooMany,
    };
    let mut worker = worker(JOB, &format!("{JOB} {job}"), "vend_job_main", database);
    Order { role, by_hand, slot, token, job: job.to_owned() }.encode(&mut worker.bgw_extra);
    if wait(register(worker)) {
        Started::Yes
    } else {
        // It may have ended already, and then has freed its slot itself.
        shared().free_slot(slot, token);
        Started::NoWorkerSlot
    }
}

/// Whether a process was registered and started, or has even ended already.
fn wait(handle: Option<*mut BackgroundWorkerHandle>) -> bool {
    let Some(handle) = handle else { return false };
    let mut pid = 0;
    // SAFETY: a handle of ours that is used no more.
    unsafe {
        let status = pg_sys::WaitForBackgroundWorkerStartup(handle, &mut pid);
        pg_sys::pfree(handle.cast());
        matches!(status, BgwHandleStatus::BGWH_STARTED | BgwHandleStatus::BGWH_STOPPED)
    }
}
