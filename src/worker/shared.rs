//! What the workers tell each other: when a database's scheduler is due, and which jobs have a process. It lies in
//! PostgreSQL's shared memory, holds nothing that could not be found out again, and is empty after every restart.
use pgrx::pg_sys;
use std::ffi::c_void;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering::SeqCst};

const DATABASES: usize = 512;
pub const SLOTS: usize = 64;
pub const NEVER: i64 = i64::MAX;
const NOW: i64 = i64::MIN;

/// What is known of a database.
pub const UNKNOWN: u32 = 0;
pub const SERVED: u32 = 1;
/// It has jobs that did not run because too many others did.
pub const HUNGRY: u32 = 2;
pub const WITHOUT_EXTENSION: u32 = 3;
pub const BEING_DROPPED: u32 = 4;

/// Zeroed memory is an unused entry.
#[repr(C)]
pub struct Database {
    oid: AtomicU32,
    pub state: AtomicU32,
    /// Microseconds since 2000, as PostgreSQL counts; lowered by whoever knows of something earlier.
    pub due: AtomicI64,
    /// The log says already that its version of the extension is not known.
    is_told: AtomicBool,
    /// Of the launcher that serves it.
    latch: AtomicPtr<pg_sys::Latch>,
}

#[repr(C)]
pub struct Shared {
    /// Of the launcher that serves all databases.
    launcher: AtomicPtr<pg_sys::Latch>,
    /// It was woken from a database that it does not know yet.
    is_new: AtomicBool,
    databases: [Database; DATABASES],
    /// A job that has a process, or is about to get one; 0: free.
    slots: [AtomicU64; SLOTS],
}

static PLACE: AtomicPtr<Shared> = AtomicPtr::new(std::ptr::null_mut());

/// Preloaded, the memory was asked for; otherwise it comes out of what PostgreSQL leaves over for such cases.
pub fn shared() -> &'static Shared {
    let mut place = PLACE.load(SeqCst);
    if place.is_null() {
        let mut found = false;
        // SAFETY: under the lock meant for it, the first one to come zeroes the memory and so makes it valid: every field
        // is an atomic number or pointer. It stays where it is as long as the server runs.
        unsafe {
            let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
            pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
            place = pg_sys::ShmemInitStruct(
                c"vend_analytics workers".as_ptr(),
                size_of::<Shared>() as pg_sys::Size,
                &mut found,
            )
            .cast();
            if !found {
                place.cast::<u8>().write_bytes(0, size_of::<Shared>());
            }
            pg_sys::LWLockRelease(lock);
        }
        PLACE.store(place, SeqCst);
    }
    // SAFETY: as above.
    unsafe { &*place }
}
/// Its number in lwlocknames.txt, the same in every release that we know.
const ADDIN_SHMEM_INIT_LOCK: usize = 21;

/// Asked for while the library is preloaded.
pub fn request() {
    // SAFETY: the postmaster calls this from the hook made for it.
    unsafe { pg_sys::RequestAddinShmemSpace(size_of::<Shared>() as pg_sys::Size) }
}

fn set(latch: *mut pg_sys::Latch) {
    if !latch.is_null() {
        // SAFETY: the latch of a process is in shared memory and outlives it; setting a later owner's is harmless.
        unsafe { pg_sys::SetLatch(latch) }
    }
}

impl Shared {
    pub fn database(&self, oid: pg_sys::Oid) -> Option<&Database> {
        self.databases
            .iter()
            .find(|entry| entry.oid.load(SeqCst) == oid.to_u32() && oid != pg_sys::Oid::INVALID)
    }

    /// For the launcher that serves it; None: the table is full, or another one does.
    pub fn adopt(&self, oid: pg_sys::Oid, latch: *mut pg_sys::Latch) -> Option<&Database> {
        let entry = self.database(oid).or_else(|| {
            self.databases
                .iter()
                .find(|entry| entry.oid.compare_exchange(0, oid.to_u32(), SeqCst, SeqCst).is_ok())
        })?;
        match entry.latch.compare_exchange(std::ptr::null_mut(), latch, SeqCst, SeqCst) {
            Ok(_) => entry.due.store(NOW, SeqCst),
            Err(other) if other == latch => {}
            Err(_) => return None,
        }
        Some(entry)
    }

    pub fn release(&self, oid: pg_sys::Oid) {
        if let Some(entry) = self.database(oid) {
            entry.latch.store(std::ptr::null_mut(), SeqCst);
            entry.state.store(UNKNOWN, SeqCst);
            entry.is_told.store(false, SeqCst);
            entry.oid.store(0, SeqCst);
        }
    }

    pub fn launch(&self, latch: *mut pg_sys::Latch) {
        self.launcher.store(latch, SeqCst);
    }

    /// When a launcher ends.
    pub fn leave(&self, latch: *mut pg_sys::Latch) {
        let _ = self.launcher.compare_exchange(latch, std::ptr::null_mut(), SeqCst, SeqCst);
        for entry in &self.databases {
            let _ = entry.latch.compare_exchange(latch, std::ptr::null_mut(), SeqCst, SeqCst);
        }
    }

    pub fn is_served(&self, oid: pg_sys::Oid) -> bool {
        !self.launcher.load(SeqCst).is_null()
            || self.database(oid).is_some_and(|entry| !entry.latch.load(SeqCst).is_null())
    }

    /// Has a database looked at now, also one that is not known yet.
    pub fn wake(&self, oid: pg_sys::Oid) {
        match self.database(oid) {
            Some(entry) if entry.state.load(SeqCst) != BEING_DROPPED => entry.wake(),
            Some(_) => {}
            None => {
                self.is_new.store(true, SeqCst);
                set(self.launcher.load(SeqCst));
            }
        }
    }

    /// Whether the launcher has to look for a new database; asked once.
    pub fn has_new(&self) -> bool {
        self.is_new.swap(false, SeqCst)
    }

    /// When a job has ended: its own database, and those that waited for its end.
    pub fn wake_waiting(&self, oid: pg_sys::Oid) {
        self.wake(oid);
        self.databases.iter().filter(|entry| entry.state.load(SeqCst) == HUNGRY).for_each(Database::wake);
    }

    /// Keeps the launcher from a database for a while: until then it is gone, or its DROP was rolled back.
    pub fn leave_alone_until(&self, oid: pg_sys::Oid, then: i64) {
        if let Some(entry) = self.database(oid) {
            entry.state.store(BEING_DROPPED, SeqCst);
            entry.due.store(then, SeqCst);
        }
    }

    /// A slot for one process of a job.
    pub fn take_slot(&self, token: u64, most: usize) -> Result<usize, Taken> {
        if self.slots.iter().any(|slot| slot.load(SeqCst) == token) {
            return Err(Taken::SameJob);
        }
        let number = self
            .slots
            .iter()
            .position(|slot| slot.compare_exchange(0, token, SeqCst, SeqCst).is_ok())
            .ok_or(Taken::TooMany)?;
        // Counted afterwards: of two that take the last slot at once, both see it.
        if self.slots.iter().filter(|slot| slot.load(SeqCst) != 0).count() > most {
            self.free_slot(number, token);
            return Err(Taken::TooMany);
        }
        Ok(number)
    }

    pub fn free_slot(&self, number: usize, token: u64) {
        if let Some(slot) = self.slots.get(number) {
            let _ = slot.compare_exchange(token, 0, SeqCst, SeqCst);
        }
    }
}

impl Database {
    /// Notes whether the log says that its version is not known; returns whether it did.
    pub fn tell(&self, is_told: bool) -> bool {
        self.is_told.swap(is_told, SeqCst)
    }

    /// Has it looked at now.
    pub fn wake(&self) {
        self.due.store(NOW, SeqCst);
        set(self.latch.load(SeqCst));
    }
}

pub enum Taken {
    SameJob,
    TooMany,
}

/// A job's name within the cluster. Two jobs with one token would only not run at the same time.
pub fn token(database: pg_sys::Oid, job: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (database.to_u32(), job).hash(&mut hasher);
    hasher.finish() | 1
}

pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

const _: () = assert!(align_of::<Shared>() <= align_of::<*mut c_void>());
