# Jobs run on schedule, one process each, within their limits; what goes wrong is recorded and handled by its class.
use strict;
use warnings;
use JobTest;
use Test::More;

my $node = server('jobs', q{
max_worker_processes = 8
vend_analytics.look_interval = 1h
vend_analytics.max_running_jobs = 8
vend_analytics.batch_time = 100ms
});
platform($node, 'garage');
my $sql = sub { $node->safe_psql('garage', @_) };

# On schedule, all kinds of tasks.
$sql->(q{
	SELECT vend.schedule('every second', 'every 1 second', 'refresh', 'stays_per_day');
	SELECT vend.schedule_refresh('views.quick', 'every 1 second');
	SELECT vend.schedule('all', 'every 1 second', 'refresh');
	SELECT vend.schedule('check', 'every 1 second', 'verify', 'stays_per_day', '{"sample": 50}');
	SELECT vend.schedule('forget', 'every 1 second', 'retention', NULL, '{"keep": "1 hour"}');
	INSERT INTO public.stays (garage_id, day, cents) SELECT md5('9')::uuid, date '2027-01-01' + i, i FROM generate_series(1, 2500) AS i});
becomes($node, 'garage', q{SELECT count(*) FROM (SELECT job FROM vend.job_runs WHERE status = 'succeeded' GROUP BY job HAVING count(*) >= 2) AS j},
	'5', 'five kinds of jobs run every second');
becomes($node, 'garage', q{SELECT is_built AND pending_notes = 0 FROM vend.freshness WHERE rollup = 'stays_per_day'}, 't', 'a rollup is fresh without anybody refreshing it');
is(wrong_keys($node, 'garage'), '0', 'and right');
is($sql->(q{SELECT bool_or(batches > 1 AND keys > 1000) FROM vend.job_runs WHERE task = 'refresh'}), 't', 'many changes are worked off in batches');
# What falls due while its job still runs has to wait for that.
figure('longest delay of a job that could run', $sql->(q{
	SELECT max(started_at - could_start) FROM (
		SELECT started_at, greatest(due_at, lag(finished_at) OVER (PARTITION BY job ORDER BY run)) AS could_start FROM vend.job_runs) AS r}), 'under 1 s');
is($sql->(q{SELECT count(*) FROM vend.job_runs a JOIN vend.job_runs b ON a.job = b.job AND a.run < b.run AND b.started_at < a.finished_at AND a.status <> 'waiting'}),
	'0', 'no run overlaps another one of its job');
is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE started_at < due_at}), '0', 'none came before its time');
is($sql->(q{SELECT count(*) FROM (SELECT job, due_at FROM vend.job_runs WHERE status = 'succeeded' GROUP BY 1, 2 HAVING count(*) > 1) AS d}), '0', 'none ran twice for one time');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');
becomes($node, 'garage', processes('job'), '', 'an unscheduled job runs no more');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'vend%' AND datname IS NOT NULL}), '0', 'nothing stays connected');

# What shows while it runs, and how it is stopped.
$sql->(q{SELECT vend.schedule('slow', 'every 24 hours', 'refresh', 'views.slow')});
$sql->(q{SELECT vend.run_job('slow')});
becomes($node, 'garage', q{SELECT is_running FROM vend.jobs WHERE job = 'slow'}, 't', 'a job that is run by hand runs');
becomes($node, 'garage', q{SELECT usename, application_name, query FROM pg_stat_activity WHERE backend_type = 'vend_analytics job'},
	'vend_worker|vend_analytics job slow|statement REFRESH MATERIALIZED VIEW views.slow', 'and shows what it does, as whom');
is(sqlstate($node, 'garage', q{SELECT vend.run_job('slow')}), '55P03', 'a job does not overlap itself');
$sql->(q{SELECT vend.pause_job('slow')});
$sql->(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job'});
becomes($node, 'garage', runs_of('slow'), 'failed', 'a cancelled query fails its run');
is($sql->(q{SELECT sqlstate, message FROM vend.job_runs WHERE job = 'slow'}), '57014|canceling statement due to user request', 'with its error');
$sql->(q{SELECT vend.alter_job('slow', options => '{"statement_timeout": "100 ms"}'); SELECT vend.resume_job('slow'); SELECT vend.run_job('slow')});
becomes($node, 'garage', runs_of('slow'), 'failed failed', 'a statement timeout ends a run');
is($sql->(q{SELECT message FROM vend.job_runs WHERE job = 'slow' ORDER BY run DESC LIMIT 1}), 'canceling statement due to statement timeout', 'which says so');
is($sql->(q{SELECT failures, retry_at > clock_timestamp() + interval '30 seconds', is_paused FROM vend.jobs WHERE job = 'slow'}), '1|t|f', 'and is tried again later');
$sql->(q{SELECT vend.unschedule('slow')});

# Locks.
my $holder = $node->background_psql('garage');
$holder->query_safe('BEGIN; LOCK TABLE public.stays IN ACCESS EXCLUSIVE MODE');
$node->append_conf('postgresql.conf', 'vend_analytics.lock_timeout = 100ms');
$node->reload;
$sql->(q{SELECT vend.schedule('blocked', 'every 1 second', 'refresh', 'stays_per_day');
	UPDATE vend_internal.stale_rollups SET reason = reason WHERE false; INSERT INTO vend_internal.stale_rollups (rollup, reason) VALUES ('stays_per_day', 'test')});
becomes($node, 'garage', q{SELECT count(*) >= 2 FROM vend.job_runs WHERE job = 'blocked' AND status = 'interrupted' AND sqlstate = '55P03'}, 't', 'a lock timeout ends a run, which is tried again');
is($sql->(q{SELECT failures FROM vend.jobs WHERE job = 'blocked'}), '0', 'and is no failure');
$holder->query_safe('ROLLBACK');
becomes($node, 'garage', q{SELECT status FROM vend.job_runs WHERE job = 'blocked' ORDER BY run DESC LIMIT 1}, 'succeeded', 'then it succeeds');
$sql->(q{SELECT vend.unschedule('blocked')});

# More jobs than worker slots: none is lost, none runs twice, and each is noted once as waiting.
$node->append_conf('postgresql.conf', 'vend_analytics.lock_timeout = 0');
$node->reload;
$sql->(q{
	CREATE TABLE public.gate (one int);
	GRANT SELECT ON public.gate TO viewer;
	DO $$ BEGIN
		FOR i IN 1..20 LOOP
			EXECUTE format('SET LOCAL ROLE viewer; CREATE MATERIALIZED VIEW views.gated_%s AS SELECT * FROM public.gate; RESET ROLE', i);
			PERFORM vend.schedule_refresh(format('views.gated_%s', i), 'every 700 hours', false);
		END LOOP;
	END $$});
$holder->query_safe('BEGIN; LOCK TABLE public.gate IN ACCESS EXCLUSIVE MODE');
make_due($node, 'garage', q{target LIKE 'views.gated%'});
becomes($node, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE status = 'waiting'}, 't', 'jobs wait for worker slots');
my $at_once = $sql->(q{SELECT count(*) FROM vend.job_runs WHERE status = 'running'});
cmp_ok($at_once, '<', 8, 'not all of them run');
# The scheduler's own slot is free now; somebody may take it, and the scheduler may start the same job just then.
my $state = '';
for (1 .. 1000)
{
	$state = sqlstate($node, 'garage', q{SELECT vend.run_job(job) FROM vend.job_runs WHERE status = 'waiting' AND finished_at IS NULL});
	last if $state eq '53400';
}
is($state, '53400', 'and none more can be started by hand');
$holder->query_safe('ROLLBACK');
becomes($node, 'garage', q{SELECT count(*), count(DISTINCT job) FROM vend.job_runs WHERE target LIKE 'views.gated%' AND status <> 'waiting'}, '20|20', 'each ran once');
becomes($node, 'garage', q{SELECT string_agg(DISTINCT status, ' ') FROM vend.job_runs WHERE target LIKE 'views.gated%' AND status <> 'waiting'}, 'succeeded', 'and succeeded');
is($sql->(q{SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM vend.job_runs WHERE status = 'waiting' GROUP BY job) AS w}), '1', 'each that waited is noted once');
is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE status = 'waiting' AND finished_at IS NULL}), '0', 'and waits no more');
figure('jobs at once of 20', $at_once, 'what slots there are');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');

# The limit of jobs at once, and fairness: the one that has waited longest is first.
$node->append_conf('postgresql.conf', 'vend_analytics.max_running_jobs = 1');
$node->reload;
$sql->(q{SELECT vend.schedule('fair ' || i, 'every 700 hours', 'retention') FROM generate_series(1, 5) AS i});
$sql->(q{UPDATE vend_internal.jobs SET next_due = now() - right(job, 1)::int * interval '1 minute'; SELECT vend_internal.wake_scheduler()});
becomes($node, 'garage', q{SELECT string_agg(right(job, 1), '' ORDER BY run) FROM vend.job_runs WHERE job LIKE 'fair%' AND status = 'succeeded'}, '54321',
	'one at a time, the longest due first');
is($sql->(q{SELECT count(*) FROM vend.job_runs a JOIN vend.job_runs b ON a.run < b.run AND a.job LIKE 'fair%' AND b.job LIKE 'fair%' AND b.started_at < a.finished_at}),
	'0', 'never two at once');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');
$node->append_conf('postgresql.conf', "vend_analytics.max_running_jobs = 2\nvend_analytics.lock_timeout = 2s");
$node->reload;

# Two sessions claim one run, while no scheduler does.
$node->append_conf('postgresql.conf', 'vend_analytics.scheduler = off');
$node->reload;
becomes($node, 'garage', 'SHOW vend_analytics.scheduler', 'off', 'switched off');
becomes($node, 'garage', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vend_analytics (job|scheduler)'}, '0', 'nothing is started any more');
$sql->(q{SELECT vend.schedule('raced', 'every 700 hours', 'retention'); UPDATE vend_internal.jobs SET next_due = now()});
my $claim = q{SELECT count(*) FROM vend_internal.take_job('raced', false, (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()))};
my $other = $node->background_psql('garage');
$holder->query_safe('BEGIN');
is($holder->query_safe($claim), '1', 'one session claims a run');
is($other->query_safe($claim), '0', 'another one does not get it before the first commits');
$holder->query_safe('COMMIT');
is($other->query_safe($claim), '0', 'nor after');
is($other->query_safe($claim =~ s/false/true/r), '0', 'nor by hand');
$holder->quit;
becomes($node, 'garage', runs_of('raced'), 'crashed', 'a run whose session is gone reads as crashed');
is($other->query_safe($claim =~ s/false/true/r), '1', 'and can be claimed anew');
$other->quit;
$sql->(q{SELECT vend.unschedule('raced')});
$node->append_conf('postgresql.conf', 'vend_analytics.scheduler = on');
$node->reload;

# Missed times: one run for all of them, or none.
$sql->(q{SELECT vend.schedule('once', 'every 1 hour', 'retention'); SELECT vend.schedule('skip', 'every 1 hour', 'retention', NULL, '{"misfire": "skip"}')});
$sql->(q{UPDATE vend_internal.jobs SET next_due = date_trunc('hour', now()) - interval '10 hours'; SELECT vend_internal.wake_scheduler()});
becomes($node, 'garage', runs_of('once'), 'succeeded', 'ten missed times are one run');
becomes($node, 'garage', q{SELECT count(*) FROM vend.jobs WHERE next_due > now() AND NOT is_running}, '2', 'and both are due in the future');
is($sql->(runs_of('once')), 'succeeded', 'after no other run');
is($sql->(runs_of('skip')), '', 'unless they are to be skipped');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');

# What cannot succeed pauses, and nothing else does.
$sql->(q{
	CREATE TABLE public.guarded AS SELECT 1 AS n;
	ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;
	GRANT SELECT ON public.guarded TO viewer;
	SET ROLE viewer;
	CREATE FUNCTION views.hidden() RETURNS SETOF int LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT n FROM public.guarded; END';
	CREATE MATERIALIZED VIEW views.of_hidden AS SELECT * FROM views.hidden();
	RESET ROLE;
	SELECT vend.schedule_refresh('views.of_hidden', 'every 1 second', false);
	SELECT vend.schedule_refresh('views.quick', 'every 1 second');
	SELECT vend.schedule_refresh('stays_per_day', 'every 1 second');
	SELECT vend.schedule('good', 'every 1 second', 'retention');
	CREATE ROLE another;
	ALTER MATERIALIZED VIEW views.quick OWNER TO another;
	GRANT USAGE ON SCHEMA views TO another;
	SELECT vend.drop_rollup('stays_per_day')});
becomes($node, 'garage', q{SELECT job, left(pause_reason, 5) FROM vend.jobs WHERE is_paused ORDER BY job}, "refresh stays_per_day|42704\nrefresh views.of_hidden|42501\nrefresh views.quick|42501", 'a job pauses when its target is gone, not ours, or reads past a policy');
my $good = $sql->(q{SELECT count(*) FROM vend.job_runs WHERE job = 'good'});
becomes($node, 'garage', qq{SELECT count(*) > $good + 1 FROM vend.job_runs WHERE job = 'good' AND status = 'succeeded'}, 't', 'others go on');
$sql->(q{GRANT another TO vend_worker; SELECT vend.resume_job('refresh views.quick')});
becomes($node, 'garage', q{SELECT status FROM vend.job_runs WHERE job = 'refresh views.quick' ORDER BY run DESC LIMIT 1}, 'succeeded', 'a resumed job runs');

# Bounded history; what functions say while it is off.
$node->append_conf('postgresql.conf', "vend_analytics.scheduler = off\nvend_analytics.job_history = 3");
$node->reload;
becomes($node, 'garage', q{SELECT count(*) = 0 AND current_setting('vend_analytics.scheduler') = 'off' FROM pg_stat_activity WHERE backend_type ~ 'vend_analytics (job|scheduler)'}, 't', 'switched off');
my (undef, undef, $notice) = $node->psql('garage', q{SELECT vend.resume_job('good')});
like($notice, qr/no scheduler runs for this database.*HINT/s, 'functions say that nothing runs');
$node->append_conf('postgresql.conf', 'vend_analytics.scheduler = on');
$node->reload;
becomes($node, 'garage', q{SELECT bool_and(n <= 4) FROM (SELECT count(*) AS n FROM vend.job_runs WHERE job IN (SELECT job FROM vend.jobs WHERE NOT is_paused) GROUP BY job) AS h}, 't', 'and on again; history is short');
is(sqlstate($node, 'garage', q{SET vend_analytics.shceduler = off}), '42602', 'a misspelt setting is refused');

is($node->safe_psql('garage', q{SELECT count(*) FROM vend.job_runs WHERE sqlstate LIKE 'XX%'}), '0', 'no internal error anywhere');
ok(!$node->log_contains('PANIC|was terminated by signal'), 'nothing crashed');
$node->stop;
done_testing();
