COMMENT ON FUNCTION vend_internal.next_due(text, text, timestamptz) IS
    'The first instant strictly after "after" at which a schedule is due on the wall clock of a zone; NULL: the calendar ends. '
    'Where clocks change: docs/jobs.md. 22023: no such schedule or zone, or one that is never due; 22008: "after" is infinite.';
COMMENT ON FUNCTION vend_internal.failure_class(text) IS
    'What an error means for a job: retry, resource, interrupted, pause or error.';
COMMENT ON FUNCTION vend_internal.retry_delay(text, integer, bigint) IS
    'How long a job waits after an error, the given number of failures in a row included; NULL: it is paused. The seed '
    'scatters the waits of class retry.';
COMMENT ON FUNCTION vend_internal.still_runs(text, timestamptz, timestamptz, interval) IS
    'Whether a run that was due is still made up for at an instant: misfire once, always; skip, if it is late by no more than '
    'grace. 22023: another misfire.';
