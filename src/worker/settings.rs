//! The workers' settings. All of them can be changed by a reload of the configuration file, and by nothing else.
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

/// How loud the start and the end of a run are in the server's log.
#[derive(PostgresGucEnum, Clone, Copy, PartialEq, Eq)]
pub enum RunLog {
    #[name = c"none"]
    None,
    #[name = c"debug"]
    Debug,
    #[name = c"log"]
    Log,
}

pub static SCHEDULER: GucSetting<bool> = GucSetting::<bool>::new(true);
pub static MAX_RUNNING_JOBS: GucSetting<i32> = GucSetting::<i32>::new(2);
pub static LOOK_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(60);
pub static BATCH_TIME: GucSetting<i32> = GucSetting::<i32>::new(1000);
pub static STATEMENT_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(3_600_000);
pub static LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(2000);
static JOB_HISTORY: GucSetting<i32> = GucSetting::<i32>::new(1000);
pub static RUN_LOG: GucSetting<RunLog> = GucSetting::<RunLog>::new(RunLog::Debug);

pub fn define() {
    GucRegistry::define_bool_guc(
        c"vend_analytics.scheduler",
        c"Whether jobs run.",
        c"Off: nothing is started any more; what is running ends by itself.",
        &SCHEDULER,
        GucContext::Sighup,
        GucFlags::default(),
    );
    integer(
        c"vend_analytics.max_running_jobs",
        c"How many jobs run at once, in all databases together.",
        c"Each takes a worker slot (max_worker_processes), and so does a scheduler for an instant. It does not limit vend.run_job().",
        &MAX_RUNNING_JOBS,
        (1, super::shared::SLOTS as i32),
        GucFlags::default(),
    );
    integer(
        c"vend_analytics.look_interval",
        c"After how long the launcher looks for new databases without being told.",
        c"It is told of CREATE EXTENSION and of changed jobs.",
        &LOOK_INTERVAL,
        (1, 3600),
        GucFlags::UNIT_S,
    );
    integer(
        c"vend_analytics.batch_time",
        c"How long a batch of a refresh is to take.",
        c"The number of changes taken at once is halved or doubled to come near it. A lock is held for one batch at most.",
        &BATCH_TIME,
        (10, 600_000),
        GucFlags::UNIT_MS,
    );
    integer(
        c"vend_analytics.statement_timeout",
        c"After how long a batch of a job is cancelled.",
        c"0: never. A job's own option statement_timeout comes first.",
        &STATEMENT_TIMEOUT,
        (0, i32::MAX),
        GucFlags::UNIT_MS,
    );
    integer(
        c"vend_analytics.lock_timeout",
        c"How long a job waits for a lock.",
        c"0: for ever. A job that did not get it is tried again a second later.",
        &LOCK_TIMEOUT,
        (0, i32::MAX),
        GucFlags::UNIT_MS,
    );
    integer(
        c"vend_analytics.job_history",
        c"How many runs are kept of each job.",
        c"The oldest are forgotten when a run ends. The task retention forgets by age.",
        &JOB_HISTORY,
        (1, 1_000_000),
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"vend_analytics.log_level",
        c"How the start and the end of each run are logged: none, debug or log.",
        c"Errors of runs are logged as warnings whatever it says.",
        &RUN_LOG,
        GucContext::Sighup,
        GucFlags::default(),
    );
}

fn integer(
    name: &'static std::ffi::CStr, short: &'static std::ffi::CStr, long: &'static std::ffi::CStr,
    setting: &'static GucSetting<i32>, (low, high): (i32, i32), flags: GucFlags,
) {
    GucRegistry::define_int_guc(name, short, long, setting, low, high, GucContext::Sighup, flags);
}
