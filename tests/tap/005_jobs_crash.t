# Whatever process is killed, and whenever: no change is lost, none counted twice, and the jobs go on. VEND_SEED repeats the
# choices of a run (not their timing), VEND_KILLS and VEND_ENDS (of pg_terminate_backend) make it longer.
use strict;
use warnings;
use JobTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{VEND_SEED} // time() % 1_000_000;
my $kills = $ENV{VEND_KILLS} // 50;
my $ends = $ENV{VEND_ENDS} // 3;
srand($seed);
diag "VEND_SEED=$seed VEND_KILLS=$kills";

my $node = server('crash', q{
vend_analytics.batch_time = 10ms
vend_analytics.lock_timeout = 0
});
platform($node, 'garage');
$node->safe_psql('garage', q{
	SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day');
	CREATE TABLE public.written (n int)});

# A process to kill: of a kind, in a state that a query recognises. A lock holds it there; another may be taken while it waits.
my $job = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vend_analytics job'};
my @aims = (
	[ 'the launcher', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vend_analytics launcher'} ],
	# A job that waits for the same lock keeps a scheduler from being due.
	[ 'a scheduler', q{SELECT vend_internal.wake_scheduler(); SELECT pid FROM pg_stat_activity WHERE backend_type = 'vend_analytics scheduler' AND wait_event_type = 'Lock'},
		'LOCK TABLE vend_internal.jobs IN ACCESS EXCLUSIVE MODE' ],
	[ 'a job before its marker', "$job AND wait_event_type = 'Lock'", 'LOCK TABLE vend_internal.job_runs IN SHARE MODE' ],
	[ 'a job in a batch', "$job AND wait_event_type = 'Lock'", 'LOCK TABLE vend_internal.stored_stays_per_day IN SHARE MODE' ],
	[ 'a job before its result', "$job AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple'))",
		'LOCK TABLE vend_internal.stored_stays_per_day IN SHARE MODE', q{SELECT FROM vend_internal.jobs WHERE job = 'keep' FOR UPDATE} ],
	[ 'a job at any moment', $job ]);

# A session that may be gone when the server was.
sub session { return eval { $node->background_psql('garage', on_error_stop => 0) } }

sub first_of
{
	my ($query) = @_;
	my $end = time() + $JobTest::patience;
	while (time() < $end)
	{
		my ($status, $stdout) = asked($node, 'garage', "$query LIMIT 1");
		return $1 if defined $status && $status == 0 && $stdout =~ /^(\d+)$/m;
	}
	return '';
}

my ($written, %killed, @recoveries) = (0);
for my $round (1 .. $kills)
{
	my ($name, $query, $lock, $later) = @{ $aims[$round % @aims] };
	my ($holder, $other);
	# After a crash a job waits, longer each time until it succeeds; a test of many must not.
	$node->safe_psql('garage', q{SELECT vend.resume_job('keep')});
	if ($lock)
	{
		$holder = session();
		$holder->query_safe("BEGIN; $lock");
	}
	# Enough for several batches, so that some are done and some are not.
	my $n = 1 + int(rand(3000));
	$node->safe_psql('garage', qq{
		BEGIN;
		INSERT INTO public.stays (garage_id, day, cents) SELECT md5((i % 3)::text)::uuid, date '2026-01-01' + (i * 31 + $round) % 130, $round FROM generate_series(1, $n) AS i;
		DELETE FROM public.stays WHERE id % 97 = $round;
		INSERT INTO public.written VALUES ($n);
		COMMIT});
	if ($later)
	{
		first_of("$job AND wait_event_type = 'Lock'");
		$other = session();
		$other->query_safe("BEGIN; $later");
		$holder->query_safe('ROLLBACK');
	}
	elsif (!$lock)
	{
		sleep rand(0.3);
	}
	my $pid = first_of($query);
	unless (ok($pid, "round $round: found $name"))
	{
		$_ && eval { $_->quit } for $holder, $other;
		next;
	}
	my $before = time();
	$killed{$name} += kill 'KILL', $pid;
	# The server has restarted all its processes when the launcher is another one.
	$_ && eval { $_->quit } for $holder, $other;
	while (time() < $before + $JobTest::patience)
	{
		my ($status, $has_run) = asked($node, 'garage', qq{SELECT count(*) > 0 FROM vend.job_runs WHERE started_at > to_timestamp($before)});
		last if defined $status && $status == 0 && $has_run eq 't';
		sleep 0.02;
	}
	push @recoveries, time() - $before;
}
ok($killed{ $_->[0] }, "killed: $_->[0]") for @aims;
@recoveries = sort { $a <=> $b } @recoveries;
figure('kills', scalar(@recoveries), $kills);
figure('next run after a kill, longest', sprintf('%.1f s', $recoveries[-1]), 'under 10 s');
$node->safe_psql('garage', q{SELECT vend.resume_job('keep')});
becomes($node, 'garage', q{SELECT is_built AND pending_notes = 0 FROM vend.freshness WHERE rollup = 'stays_per_day'}, 't', 'everything is worked off in the end');
is(wrong_keys($node, 'garage'), '0', 'and nothing lost');
my $differing = $node->safe_psql('garage', q{
	SELECT count(*) FROM vend_reports.stays_per_day s
	FULL JOIN (SELECT garage_id, day, count(*) AS stays, sum(cents) AS cents FROM public.stays GROUP BY 1, 2) AS q USING (garage_id, day)
	WHERE (s.stays, s.cents) IS DISTINCT FROM (q.stays, q.cents)});
is($differing, '0', 'nor counted twice');
figure('rows that differ', $differing, 0);
is($node->safe_psql('garage', q{SELECT count(*) FROM vend.job_runs WHERE status = 'running' AND started_at < now() - interval '1 hour'}), '0', 'no run is left open');
is($node->safe_psql('garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE status = 'crashed'}), 't', 'what was killed is noted as crashed');

# Told to end while it is busy.
$node->safe_psql('garage', q{SELECT vend.schedule('slow', 'every 700 hours', 'refresh', 'views.slow'); SELECT vend.run_job('slow')});
becomes($node, 'garage', q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'slow' AND backend_type = 'vend_analytics job' AND wait_event = 'PgSleep'}, '1', 'a job of 60 seconds runs');
my ($run, $before, @ends);
for (1 .. $ends)
{
	$run = $node->safe_psql('garage', q{SELECT run FROM vend.job_runs WHERE job = 'slow' AND status = 'running'});
	$before = time();
	$node->safe_psql('garage', qq{SELECT pg_terminate_backend(pid) FROM vend.job_runs WHERE run = $run});
	becomes($node, 'garage', qq{SELECT status, sqlstate FROM vend.job_runs WHERE run = $run}, 'interrupted|57P01', 'pg_terminate_backend ends it, which it notes');
	push @ends, time() - $before;
	becomes($node, 'garage', q{SELECT count(*) FROM vend.job_runs WHERE job = 'slow' AND status = 'running'}, '1', 'and it is tried again at once');
}
figure('pg_terminate_backend, longest of ' . @ends, sprintf('%.2f s', (sort { $a <=> $b } @ends)[-1]), 'under 0.5 s');
$before = time();
$node->stop('fast');
figure('fast stop', sprintf('%.2f s', time() - $before), 'under 1 s');
$node->start;
is($node->safe_psql('garage', q{SELECT status FROM vend.job_runs WHERE job = 'slow' AND postmaster_start < pg_postmaster_start_time() ORDER BY run DESC LIMIT 1}),
	'interrupted', 'a fast stop ends it, which it notes');
becomes($node, 'garage', q{SELECT count(*) FROM vend.job_runs WHERE job = 'slow' AND status = 'running'}, '1', 'and it runs again after the start');
$before = time();
$node->stop('immediate');
$node->start;
becomes($node, 'garage', q{SELECT count(*) FROM vend.job_runs WHERE job = 'slow' AND status = 'crashed' AND postmaster_start < pg_postmaster_start_time()}, '1', 'after an immediate stop it is noted as crashed');
becomes($node, 'garage', q{SELECT count(*) FROM vend.job_runs WHERE job = 'slow' AND status = 'running'}, '1', 'and runs again');
figure('running again after an immediate stop', sprintf('%.1f s', time() - $before), 'under 10 s');

# A repair that is ended before its last row has repaired nothing; the next one repairs everything.
$node->safe_psql('garage', q{SELECT vend.pause_job('keep')});
becomes($node, 'garage', q{SELECT is_running FROM vend.jobs WHERE job = 'keep'}, 'f', 'nothing else works on the rollup');
my $stored = $node->safe_psql('garage', 'UPDATE vend_internal.stored_stays_per_day SET cents = cents + 1; SELECT count(*) FROM vend_internal.stored_stays_per_day');
my $right = q{SELECT count(*) FROM vend_internal.stored_stays_per_day s JOIN vend_internal.query_stays_per_day q USING (garage_id, day) WHERE s.cents = q.cents};
my $holder = $node->background_psql('garage');
$holder->query_safe('BEGIN; SELECT FROM vend_internal.stored_stays_per_day ORDER BY garage_id DESC, day DESC LIMIT 1 FOR UPDATE');
$node->safe_psql('garage', q{SELECT vend.schedule('repair', 'every 700 hours', 'verify', 'stays_per_day', '{"repair": true}'); SELECT vend.run_job('repair')});
becomes($node, 'garage', "SELECT count(*) FROM ($job AND wait_event_type = 'Lock') AS j", '1', 'a repair waits for a row');
$node->safe_psql('garage', "SELECT pg_terminate_backend(pid) FROM ($job) AS j");
becomes($node, 'garage', q{SELECT status, sqlstate, rows FROM vend.job_runs WHERE job = 'repair' ORDER BY run LIMIT 1}, 'interrupted|57P01|0', 'and is ended');
is($node->safe_psql('garage', $right), '0', 'with nothing repaired');
$holder->query_safe('ROLLBACK');
$holder->quit;
becomes($node, 'garage', q{SELECT status, rows FROM vend.job_runs WHERE job = 'repair' ORDER BY run DESC LIMIT 1}, "succeeded|$stored", 'the next run has repaired every row');
is($node->safe_psql('garage', $right), $stored, 'as all can see');
$node->safe_psql('garage', q{SELECT vend.unschedule('repair'); SELECT vend.resume_job('keep')});

# The processes end, and stay few.
$node->safe_psql('garage', q{SELECT vend.unschedule('slow')});
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vend_analytics launcher'});
my $runs = $node->safe_psql('garage', 'SELECT max(run) FROM vend.job_runs');
becomes($node, 'garage', qq{SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs + 1 AND status = 'succeeded'}, 't', 'a launcher that is told to end comes back');
is($node->safe_psql('garage', q{SELECT count(*) FROM vend.job_runs WHERE sqlstate LIKE 'XX%'}), '0', 'no internal error anywhere');
$node->stop;
done_testing();
