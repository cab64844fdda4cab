# What goes wrong around the jobs stays where it is: a broken job, a full disk, an owner that is gone, an extension of a
# version that the library does not know. VEND_REFRESHES makes the launcher work longer; with VEND_ALONE=1 a job that ran
# into a full disk is left to come back by itself. VEND_TABLESPACE is an empty directory on a disk of a few megabytes.
use strict;
use warnings;
use JobTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = server('trouble', q{
autovacuum = off
max_worker_processes = 16
vend_analytics.look_interval = 1s
vend_analytics.max_running_jobs = 4
vend_analytics.batch_time = 10ms
});
platform($node, 'garage');
my $sql = sub { $node->safe_psql('garage', @_) };

# How often a line is in the log.
sub logged
{
	my ($pattern) = @_;
	my $count = () = slurp_file($node->logfile) =~ /$pattern/g;
	return $count;
}

# Of the launcher, in KiB: what is its own, without files and shared memory.
my $launcher = $node->safe_psql('postgres', processes('launcher'));
sub launcher_memory
{
	return slurp_file("/proc/$launcher/status") =~ /^RssAnon:\s+(\d+) kB$/m ? $1 : die 'no RssAnon';
}

# Four jobs that are due again as soon as they have run.
sub refreshes
{
	my ($count) = @_;
	my $rounds = int(($count + 3) / 4);
	$sql->(qq{
		DO \$\$ BEGIN
			FOR round IN 1..$rounds LOOP
				UPDATE vend_internal.jobs SET next_due = clock_timestamp() WHERE job LIKE 'again%';
				PERFORM vend_internal.wake_scheduler();
				COMMIT;
				WHILE EXISTS (SELECT FROM vend_internal.jobs WHERE job LIKE 'again%' AND next_due <= clock_timestamp()) LOOP
					PERFORM pg_sleep(0.002);
				END LOOP;
			END LOOP;
		END \$\$});
}
$sql->(q{SELECT vend.schedule('again ' || rollup, 'every 700 hours', 'refresh', rollup) FROM (SELECT rollup FROM vend.rollups ORDER BY 1 LIMIT 4) AS r});
refreshes(40);
my ($runs, $memory) = ($sql->('SELECT max(run) FROM vend.job_runs'), launcher_memory());
refreshes($ENV{VEND_REFRESHES} // 200);
becomes($node, 'garage', q{SELECT count(*) FROM vend.jobs WHERE is_running}, '0', 'all of them have ended');
$runs = $sql->('SELECT max(run) FROM vend.job_runs') - $runs;
my $grown = launcher_memory() - $memory;
cmp_ok($runs, '>=', $ENV{VEND_REFRESHES} // 200, 'the launcher had as many refreshes started');
cmp_ok($grown, '<', 1024, 'and has not grown by a MiB');
is($node->safe_psql('postgres', processes('launcher')), $launcher, 'nor was it started anew');
figure("launcher after $runs refreshes", "$grown KiB more", 'under 1 MiB');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');

# One broken job of ten, which somebody tries again and again.
$sql->(q{
	SET ROLE viewer;
	CREATE MATERIALIZED VIEW views.broken AS SELECT 1 / (SELECT count(*) FROM pg_class WHERE relname = 'nothing') AS one WITH NO DATA;
	RESET ROLE;
	SELECT vend.schedule_refresh('views.broken', 'every 700 hours');
	SELECT vend.schedule('sound ' || i, 'every 1 second', 'retention') FROM generate_series(1, 9) AS i});
my $fewest = q{SELECT count(*) = 9 AND min(n) > 3 FROM (SELECT count(*) AS n FROM vend.job_runs WHERE job LIKE 'sound%' AND status = 'succeeded' GROUP BY job) AS j};
my $end = time() + $JobTest::patience;
while ($sql->($fewest) ne 't' && time() < $end)
{
	make_due($node, 'garage', q{job = 'refresh views.broken'});
	sleep 0.3;
}
$sql->('SELECT vend.pause_job(job) FROM vend.jobs');
becomes($node, 'garage', q{SELECT count(*) FROM vend.jobs WHERE is_running}, '0', 'all of them have ended');
is($sql->(q{SELECT string_agg(DISTINCT status || ' ' || sqlstate, ', '), count(*) > 1 FROM vend.job_runs WHERE job = 'refresh views.broken'}),
	'failed 22012|t', 'a broken job fails each time');
is(logged('job "refresh views.broken": division by zero'), $sql->(q{SELECT count(*) FROM vend.job_runs WHERE job = 'refresh views.broken' AND status = 'failed'}),
	'with one line in the log for each');
is($sql->(q{SELECT count(*) FROM vend.jobs WHERE job LIKE 'sound%' AND failures = 0}), '9', 'nine others do not');
is($sql->($fewest), 't', 'and have run again and again');
figure('one broken job of ten: runs of the other nine that came late, of all, longest delay',
	$sql->(q{SELECT concat_ws(', ', count(*) FILTER (WHERE started_at - due_at >= interval '1 second'), count(*), max(started_at - due_at)) FROM vend.job_runs WHERE job LIKE 'sound%'}),
	'0, all, under 1 s');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');

# A full disk. /dev/full behaves like one, and takes the place of the file of a table that is still empty.
$sql->(q{
	CREATE TABLE public.tickets (garage_id uuid NOT NULL, day date NOT NULL);
	SELECT vend.create_rollup('tickets_per_day', 'SELECT garage_id, day, count(*) AS tickets FROM public.tickets GROUP BY garage_id, day',
		'{garage_id, day}', '{"public.tickets": ["garage_id", "day"]}');
	SELECT vend.refresh('tickets_per_day');
	SELECT vend.schedule_refresh('tickets_per_day', 'every 700 hours')});
my $file = $node->data_dir . '/' . $sql->(q{SELECT pg_relation_filepath('vend_internal.stored_tickets_per_day')});
is(-s $file, 0, 'a table is empty');
runs_full('/dev/full',
	sub { rename $file, "$file.kept" or die $!; symlink '/dev/full', $file or die $!; },
	sub { unlink $file or die $!; rename "$file.kept", $file or die $!; });
if ($ENV{VEND_TABLESPACE})
{
	$node->safe_psql('garage', $_) for "CREATE TABLESPACE small LOCATION '$ENV{VEND_TABLESPACE}'",
		'ALTER TABLE vend_internal.stored_tickets_per_day SET TABLESPACE small', 'CREATE TABLE public.filler (line text) TABLESPACE small';
	runs_full('a small tablespace',
		sub { is(sqlstate($node, 'garage', q{DO $$ BEGIN LOOP INSERT INTO public.filler SELECT repeat('x', 5000); COMMIT; END LOOP; END $$}), '53100', 'a tablespace is full'); },
		sub { $sql->('DROP TABLE public.filler'); });
}
else { figure('disk full on a small tablespace', 'not tried: no VEND_TABLESPACE', '53100 recorded, recovers alone') }

# A refresh while there is no room, and after.
sub runs_full
{
	my ($where, $fill, $empty) = @_;
	my $run = $sql->('SELECT coalesce(max(run), 0) FROM vend.job_runs');
	$fill->();
	$sql->(q{INSERT INTO public.tickets SELECT md5((i % 700)::text)::uuid, date '2026-01-01' + i FROM generate_series(1, 700) AS i});
	make_due($node, 'garage', q{job = 'refresh tickets_per_day'});
	becomes($node, 'garage', "SELECT status, sqlstate FROM vend.job_runs WHERE run > $run", 'failed|53100', "$where: a run fails for want of room");
	is($sql->(q{SELECT retry_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '61 seconds', failures, is_paused FROM vend.jobs}), 't|1|f', 'and is tried again in a minute');
	is($sql->(q{SELECT count(*) = 700, sum(tickets) FROM vend_reports.tickets_per_day WHERE garage_id IN (SELECT garage_id FROM public.tickets)}),
		't|' . $sql->('SELECT count(*) FROM public.tickets'), 'readers see what is right meanwhile');
	$empty->();
	my $before = time();
	make_due($node, 'garage', 'true') unless $ENV{VEND_ALONE};
	becomes($node, 'garage', "SELECT string_agg(status, ' ' ORDER BY run) FROM vend.job_runs WHERE run > $run", 'failed succeeded', 'then it succeeds');
	is($sql->(q{SELECT keys_wrong FROM vend.verify('tickets_per_day')}), '0', 'and all is right');
	figure("$where: first success after there is room again", sprintf('%.0f s', time() - $before), 'within a minute, alone') if $ENV{VEND_ALONE};
}
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');

# The target is dropped while its job is busy.
$sql->(q{
	INSERT INTO public.tickets SELECT md5((i % 700)::text)::uuid, date '2026-01-01' + i % 2000 FROM generate_series(1, 20000) AS i;
	SELECT vend.schedule('gone', 'every 1 second', 'refresh', 'tickets_per_day')});
becomes($node, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE job = 'gone' AND batches > 0}, 't', 'a refresh has begun');
is(sqlstate($node, 'garage', q{SELECT vend.drop_rollup('tickets_per_day')}), '', 'its target can be dropped');
becomes($node, 'garage', q{SELECT is_paused, left(pause_reason, 5) FROM vend.jobs WHERE job = 'gone'}, 't|42704', 'and its job pauses');
$sql->(q{SELECT vend.unschedule('gone')});

# The extension becomes another version, while a refresh is busy and its library does not know it, and comes back.
my $known = $sql->(q{SELECT extversion FROM pg_extension WHERE extname = 'vend_analytics'});
$sql->(q{
	SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day');
	INSERT INTO public.stays (garage_id, day, cents) SELECT md5((i % 700)::text)::uuid, date '2026-01-01' + i % 2000, i FROM generate_series(1, 20000) AS i});
becomes($node, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE job = 'keep' AND batches > 0}, 't', 'a refresh has begun');
is(sqlstate($node, 'garage', q{ALTER EXTENSION vend_analytics UPDATE TO 'made_up'}), '', 'the extension can be updated during a refresh');
becomes($node, 'garage', processes('job'), '', 'which ends');
$node->wait_for_log('vend_analytics made_up is not known to this library');
$runs = $sql->('SELECT max(run) FROM vend.job_runs');
for (1 .. 5)
{
	$sql->('SELECT vend_internal.wake_scheduler()');
	sleep 0.3;
}
is(logged('is not known to this library'), 1, 'the log says once that its version is not known');
is($sql->('SELECT max(run) FROM vend.job_runs'), $runs, 'and nothing runs');
is($sql->('SELECT sum(stays) = (SELECT count(*) FROM public.stays) FROM vend_reports.stays_per_day'), 't', 'reports are read as before');
is(sqlstate($node, 'garage', qq{ALTER EXTENSION vend_analytics UPDATE TO '$known'}), '', 'it becomes a version that is known');
becomes($node, 'garage', "SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND status = 'succeeded'", 't', 'and its jobs run again');
becomes($node, 'garage', q{SELECT pending_notes FROM vend.freshness WHERE rollup = 'stays_per_day'}, '0', 'everything is worked off');
is(wrong_keys($node, 'garage'), '0', 'and right');
is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE job = 'keep' AND status = 'failed'}), '0', 'no run failed');

# The owner of a materialized view is dropped, then the role of the workers.
$sql->(q{
	CREATE ROLE leaver;
	GRANT leaver TO vend_worker;
	GRANT CREATE, USAGE ON SCHEMA views TO leaver;
	SET ROLE leaver;
	CREATE MATERIALIZED VIEW views.orphan AS SELECT 1 AS one;
	RESET ROLE;
	SELECT vend.schedule_refresh('views.orphan', 'every 1 second', false)});
becomes($node, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE job = 'refresh views.orphan' AND status = 'succeeded'}, 't', 'a materialized view is refreshed');
$sql->('REASSIGN OWNED BY leaver TO postgres; DROP OWNED BY leaver; DROP ROLE leaver');
becomes($node, 'garage', q{SELECT left(pause_reason, 5) FROM vend.jobs WHERE job = 'refresh views.orphan'}, '42501', 'without its owner its job pauses');
$runs = $sql->('SELECT max(run) FROM vend.job_runs');
becomes($node, 'garage', "SELECT count(*) > 1 FROM vend.job_runs WHERE run > $runs AND job = 'keep' AND status = 'succeeded'", 't', 'the others go on');
is(logged('job "refresh views.orphan"'), 1, 'with one line in the log');
my $lines = logged('\n');
$node->safe_psql('postgres', 'DROP OWNED BY vend_worker');
$sql->('DROP OWNED BY vend_worker; REVOKE viewer FROM vend_worker; DROP ROLE vend_worker');
$node->wait_for_log('role "vend_worker" is gone: no jobs run');
sleep 2;
is(logged('role "vend_worker" is gone: no jobs run'), 1, 'without the role of the workers nothing runs, says the log once');
$sql->('CREATE ROLE vend_worker LOGIN BYPASSRLS CONNECTION LIMIT 0');
sleep 4;
$lines = logged('\n') - $lines;
cmp_ok($lines, '<', 40, 'one without its rights is tried less and less often');
figure('lines in the log in 6 s without the role of the workers, and with one that has no rights', $lines, 'one for each step of the backoff');
is($node->safe_psql('postgres', processes('launcher')), $launcher, 'the launcher is the same all the time');

ok(!$node->log_contains('PANIC|was terminated by signal|XX000'), 'nothing crashed');
$node->stop;
done_testing();
