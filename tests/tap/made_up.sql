-- An upgrade to a version that no library knows, and back: tap.sh installs it as both. It takes the locks that one which
-- changes the jobs' tables would.
\echo Use "ALTER EXTENSION vend_analytics UPDATE" to load this file. \quit
LOCK TABLE vend_internal.jobs, vend_internal.job_runs IN ACCESS EXCLUSIVE MODE;
