#!/usr/bin/env python3
"""Breaks the workers on purpose, one way after the other, and expects that a test of theirs notices.

tests/mutants.py [WORD ...] runs those whose name has one of the words, or all: in a clean checkout, which it changes and
restores, in one to five minutes each. A mutant that survives, or whose text is not there any more, is an error.
"""
import os
import re
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS, CRASH, DATABASES = "004_jobs.t", "005_jobs_crash.t", "006_jobs_databases.t"
TROUBLE, CONTENTION, UPGRADE = "010_jobs_trouble.t", "011_jobs_contention.t", "012_jobs_upgrade.t"
CLOCK = "013_jobs_clock.t"

# What it is called, the test that notices, the file, what is there and what is put in its place.
MUTANTS = [
    ("crashed runs are not settled", CRASH, "sql/jobs/run.sql",
     "WHERE r.status = 'running' AND (only_job", "WHERE false AND r.status = 'running' AND (only_job"),
    ("order by name", JOBS, "sql/jobs/run.sql", "ORDER BY d.due_at, d.job", "ORDER BY d.job"),
    ("misfire skip is forgotten", JOBS, "sql/jobs/run.sql",
     "still_runs(coalesce(j.options ->> 'misfire', 'once')", "still_runs('once'"),
    ("a run for each missed time", JOBS, "sql/jobs/run.sql",
     "THEN vend_internal.next_due(j.schedule, j.timezone, at) ELSE j.next_due END",
     "THEN vend_internal.next_due(j.schedule, j.timezone, j.next_due) ELSE j.next_due END"),
    ("two sessions claim one run", JOBS, "sql/jobs/run.sql",
     "    PERFORM vend_internal.settle_runs(take_job.job);\n",
     "    PERFORM vend_internal.settle_runs(take_job.job);\n"
     "    UPDATE vend_internal.job_runs r SET status = 'crashed' WHERE r.job = take_job.job AND r.status = 'running';\n"),
    ("history without bound", JOBS, "sql/jobs/run.sql",
     "    DELETE FROM vend_internal.job_runs r\n    WHERE r.job = name", "    DELETE FROM vend_internal.job_runs r\n    WHERE false AND r.job = name"),
    ("armed in every database of a cluster", DATABASES, "sql/jobs/catalog.sql",
     "(s.system_identifier, d.oid) = ($1, $2)", "s.system_identifier = $1"),
    ("armed in every cluster", UPGRADE, "sql/jobs/catalog.sql", "(s.system_identifier, d.oid) = ($1, $2)", "d.oid = $2"),
    ("one job's failure is everybody's", TROUBLE, "sql/jobs/run.sql",
     "            ELSE j.pause_reason END\n    WHERE j.job = name;", "            ELSE j.pause_reason END\n    WHERE true;"),
    ("a refresh keeps writers out", CONTENTION, "sql/jobs/run.sql",
     "        IF run_batch.kind = 'refresh' THEN\n",
     "        IF run_batch.kind = 'refresh' THEN\n            LOCK TABLE vend_internal.notes_stays_per_day_1 IN SHARE MODE;\n"),
    ("a job runs again as long as it is new", CONTENTION, "sql/jobs/run.sql",
     "UPDATE vend_internal.jobs j SET retry_at = NULL, next_due = CASE WHEN", "UPDATE vend_internal.jobs j SET retry_at = NULL, next_due = CASE WHEN j.created_at < now() - interval '1 hour' AND"),
    ("DROP DATABASE is not noticed", DATABASES, "src/worker/hooks.rs", "processes::terminate(object);", "let _ = processes::terminate;"),
    ("workers hold the extension no more", DATABASES, "src/worker/process.rs",
     "if mode != Mode::Unrestricted && !lock_extension", "if mode == Mode::Last && !lock_extension"),
    ("a rollup is dropped during a batch", DATABASES, "sql/rollup/api.sql",
     "    PERFORM vend_internal.keep_workers_out();\n    IF (SELECT r.built_in", "    IF (SELECT r.built_in"),
    ("SIGTERM waits for the next opportunity", CRASH, "src/worker/process.rs",
     "    fn die(", '    #[link_name = "SignalHandlerForShutdownRequest"]\n    fn die('),
    ("an interrupted run is a failure", CRASH, "src/core/backoff.rs", '"57P01" | "57P02" =>', '"57P02" =>'),
    ("no limit of jobs at once", JOBS, "src/worker/shared.rs", ".count() > most", ".count() > most.max(SLOTS)"),
    ("nothing pauses a job", JOBS, "src/core/backoff.rs",
     '"42501" | "42P01" | "42703" | "42704" | "42883" | "3F000" =>', '"42P01" =>'),
    ("no statement timeout", JOBS, "src/worker/process.rs", "        if limit > 0 {", "        if limit < 0 {"),
    ("no lock timeout", JOBS, "src/worker/process.rs", 'configure(c"lock_timeout", &lock_timeout);', 'let _ = lock_timeout;'),
    ("a lock timeout is a failure", JOBS, "src/core/backoff.rs", '"55P03" => Failure::Retry', '"55P03" => Failure::Resource'),
    ("workers on a standby", DATABASES, "src/worker/start.rs", "BgWorkerStart_RecoveryFinished", "BgWorkerStart_ConsistentState"),
    ("an unknown version is logged each time", TROUBLE, "src/worker/scheduler.rs", "if !entry.tell(true) {", "if !entry.tell(false) {"),
    ("an update is not noticed", TROUBLE, "src/worker/hooks.rs", "        api::wake_scheduler();\n", "        let _ = api::wake_scheduler;\n"),
    ("an unknown version is worked with", TROUBLE, "src/worker/process.rs",
     "KNOWN_VERSIONS.contains(&version.as_str())", "(KNOWN_VERSIONS.contains(&version.as_str()) || version == \"made_up\")"),
    ("the launcher leaks 32 KiB for each scheduler", TROUBLE, "src/worker/launcher.rs",
     "        self.scheduler = start::scheduler(self.oid, role);\n",
     "        self.scheduler = start::scheduler(self.oid, role);\n        std::mem::forget(std::hint::black_box(vec![1u8; 32768]));\n"),
    ("a full disk is an error like others", TROUBLE, "src/core/backoff.rs",
     '_ if sqlstate.starts_with("53") => Failure::Resource,', ""),
    ("a job's zone is forgotten", CLOCK, "sql/jobs/run.sql",
     "next_due(j.schedule, j.timezone, at)", "next_due(j.schedule, 'UTC', at)"),
    ("a repeated hour is due once", CLOCK, "src/core/schedule.rs", "Schedule::Cron(times) if times.any_hour", "Schedule::Cron(times) if times.any_hour && false"),
    ("no backoff of schedulers that fail", TROUBLE, "src/worker/launcher.rs",
     "FIRST_BACKOFF << self.troubles.min(DOUBLINGS)", "FIRST_BACKOFF / 100 << (self.troubles.min(DOUBLINGS) * 0)"),
]


def run(*command, **more):
    return subprocess.run(command, cwd=REPO, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def build(told):
    built = run("scripts/build.sh", env=told)
    if built.returncode:
        raise RuntimeError(built.stdout[-2000:])


def installed(path):
    """Where a mutant of this file is put: SQL into the installed script, which spares building."""
    if not path.startswith("sql/"):
        return os.path.join(REPO, path)
    version = re.search(r'^version = "(.*)"', open(os.path.join(REPO, "Cargo.toml")).read(), re.M)[1]
    share = run("bash", "-c", 'source scripts/lib.sh; load_postgres; "$COPY_PG_CONFIG" --sharedir').stdout.split()[-1]
    return os.path.join(share, "extension", f"vend_analytics--{version}.sql")


def outcome(name, test, path, old, new, told):
    """How a mutant fared, and whether that is well."""
    with open(os.path.join(REPO, path)) as file:
        if file.read().count(old) != 1:
            return f"NOT FOUND  {name}: {path} has not its text once", False
    try:
        if path.startswith("sql/"):
            build(told)
        place = installed(path)
        with open(place) as file:
            text = file.read()
        try:
            with open(place, "w") as file:
                file.write(text.replace(old, new))
            build(told)
            result = run("scripts/tap.sh", test, env=told)
        finally:
            with open(place, "w") as file:
                file.write(text)
    except RuntimeError as error:
        return f"NOT BUILT  {name}\n{error}", False
    if result.returncode == 0:
        return f"SURVIVED   {name}: {test} is green", False
    failed = re.findall(r"Failed test '(.*)'", result.stdout)
    return f"caught     {name}: {test}: {'; '.join(failed) or 'it did not get to its end'}", True


def main():
    if run("git", "status", "--porcelain").stdout:
        sys.exit("error: this checkout has changes, which the mutants would lose")
    words = sys.argv[1:]
    chosen = [m for m in MUTANTS if not words or any(w in m[0] for w in words)]
    told = dict(os.environ, PROFILE="dev", VEND_KILLS="6", VEND_ENDS="1")
    # What is to happen has happened by then, unless it never does.
    told.setdefault("VEND_PATIENCE", "60")
    caught = 0
    for mutant in chosen:
        line, is_well = outcome(*mutant, told)
        print(line, flush=True)
        caught += is_well
    print(f"{caught} of {len(chosen)} mutants caught", flush=True)
    sys.exit(caught < len(chosen))


main()
