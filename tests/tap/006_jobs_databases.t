# Jobs never hold up or surprise what is done to their database: dropped, copied, without the extension, restored elsewhere,
# on a standby, on a server that does not preload the library.
use strict;
use warnings;
use JobTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = server('databases', 'vend_analytics.look_interval = 1h');
platform($node, 'garage');

# Dropped while a job of 60 seconds runs, and between the runs of one that is due every second. VEND_DROPS repeats it.
platform($node, 'pattern');
$node->safe_psql('pattern', q{SELECT vend.schedule('slow', 'every 700 hours', 'refresh', 'views.slow');
	SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day'); SELECT vend.pause_job('keep')});
becomes($node, 'pattern', processes('job'), '', 'nothing runs in a pattern');
my ($before, %drops);
for (1 .. $ENV{VEND_DROPS} // 1)
{
	for my $when ('between jobs', 'during a job')
	{
		$node->safe_psql('postgres', 'CREATE DATABASE dropped TEMPLATE pattern');
		$node->safe_psql('dropped', q{SELECT vend.resume_job('keep')});
		if ($when eq 'during a job')
		{
			$node->safe_psql('dropped', q{SELECT vend.run_job('slow')});
			becomes($node, 'dropped', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job' AND wait_event = 'PgSleep'}, '1', 'a long job runs');
		}
		else { becomes($node, 'dropped', q{SELECT count(*) > 0 FROM vend.job_runs WHERE job = 'keep' AND status = 'succeeded'}, 't', 'a short job has run') }
		$before = time();
		is(sqlstate($node, 'postgres', 'DROP DATABASE dropped'), '', "$when its database can be dropped");
		push @{ $drops{$when} }, time() - $before;
	}
}
for my $when (sort keys %drops)
{
	my @took = sort { $a <=> $b } @{ $drops{$when} };
	figure("DROP DATABASE $when, longest of " . @took, sprintf('%.2f s', $took[-1]), 'under 1 s');
}
becomes($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vend_analytics (job|scheduler)'}, '0', 'nothing of it is left');

# Whoever may not drop it ends nothing.
platform($node, 'kept');
$node->safe_psql('kept', q{SELECT vend.schedule('slow', 'every 700 hours', 'refresh', 'views.slow'); SELECT vend.run_job('slow')});
becomes($node, 'kept', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job' AND wait_event = 'PgSleep'}, '1', 'a long job runs');
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
is(sqlstate($node, 'postgres', 'SET ROLE nobody; DROP DATABASE kept'), '42501', 'somebody else may not drop it');
is($node->safe_psql('kept', q{SELECT string_agg(status, ' ') FROM vend.job_runs}), 'running', 'and the job goes on');

# Copied: not during a job, but when it is paused.
is(sqlstate($node, 'postgres', 'CREATE DATABASE copied TEMPLATE kept'), '55006', 'a database with a running job cannot be copied');
$node->safe_psql('kept', q{SELECT vend.pause_job('slow'); SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job'});
becomes($node, 'kept', runs_of('slow'), 'failed', 'the job is stopped');
$node->safe_psql('kept', q{SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day')});
becomes($node, 'kept', q{SELECT count(*) > 0 FROM vend.job_runs WHERE job = 'keep' AND status = 'succeeded'}, 't', 'another one runs every second');
$before = time();
is(sqlstate($node, 'postgres', 'CREATE DATABASE copied TEMPLATE kept'), '', 'which does not keep it from being copied');
figure('CREATE DATABASE TEMPLATE between jobs', sprintf('%.2f s', time() - $before), 'under 0.5 s');
is($node->safe_psql('copied', q{SELECT bool_and(is_paused), count(*), bool_or(pause_reason ~ 'another database') FROM vend.jobs}), 't|2|t', 'in the copy all jobs are paused');
my $runs = $node->safe_psql('copied', 'SELECT max(run) FROM vend.job_runs');
$node->safe_psql('copied', q{SELECT vend_internal.wake_scheduler(); UPDATE public.stays SET cents = cents + 1 WHERE id % 10 = 0});
my $seen = $node->safe_psql('kept', 'SELECT max(run) FROM vend.job_runs');
becomes($node, 'kept', qq{SELECT count(*) > 2 FROM vend.job_runs WHERE run > $seen}, 't', 'while those of the original run');
is($node->safe_psql('copied', "SELECT count(*) FROM vend.job_runs WHERE run > $runs"), '0', 'none has run');
$node->safe_psql('copied', q{SELECT vend.resume_job('keep')});
becomes($node, 'copied', qq{SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND job = 'keep' AND status = 'succeeded'}, 't', 'until it is resumed');
is(wrong_keys($node, 'copied'), '0', 'and right');

# Whoever drops the extension, attaches, or drops or makes a rollup is waited for before a worker holds anything, so that nobody waits in a
# circle.
for my $change ('DROP EXTENSION vend_analytics CASCADE', q{SELECT vend.attach('operations')}, q{SELECT vend.drop_rollup('stays_per_day')},
	q{SELECT vend.create_rollup('per_garage', 'SELECT garage_id, count(*) AS stays FROM public.stays GROUP BY garage_id', '{garage_id}', '{"public.stays": ["garage_id"]}')})
{
	my ($what) = $change =~ /(DROP EXTENSION|attach|\w+_rollup)/;
	my $session = $node->background_psql('kept');
	$session->query_safe("BEGIN; $change");
	becomes($node, 'postgres', q{SELECT DISTINCT l.locktype, l.classid::regclass FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type LIKE 'vend%' AND a.datname = 'kept' AND NOT l.granted},
		'object|pg_extension', "a worker waits for $what");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type LIKE 'vend%' AND a.datname = 'kept' AND l.locktype = 'relation' AND l.relation >= 16384}),
		'0', 'which waits for nobody');
	$session->query_safe('ROLLBACK');
	$session->quit;
}
$runs = $node->safe_psql('kept', 'SELECT max(run) FROM vend.job_runs');
becomes($node, 'kept', "SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND status = 'succeeded'", 't', 'when all stays as it was, jobs go on');

# The extension goes while it is busy.
$node->safe_psql('kept', q{SELECT vend.resume_job('slow'); SELECT vend.run_job('slow')});
becomes($node, 'kept', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job' AND wait_event = 'PgSleep' AND datname = 'kept'}, '1', 'a long job runs');
$before = time();
is(sqlstate($node, 'kept', 'DROP EXTENSION vend_analytics CASCADE'), '', 'the extension can be dropped during a job');
figure('DROP EXTENSION during a job', sprintf('%.2f s', time() - $before), 'under 5 s');
$node->safe_psql('kept', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vend_analytics job' AND datname = 'kept'});
becomes($node, 'kept', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vend_analytics (job|scheduler)' AND datname = 'kept'}, '0', 'no process is left');
$node->safe_psql('kept', q{DROP SCHEMA operations CASCADE; CREATE EXTENSION vend_analytics; SELECT vend.create_demo('operations', garages => 1, customers_per_garage => 2, months => 1);
	SELECT vend.attach('operations', schedule => true); UPDATE vend_internal.jobs SET next_due = now(); SELECT vend_internal.wake_scheduler()});
becomes($node, 'kept', q{SELECT count(DISTINCT job) = (SELECT count(*) FROM vend.jobs) FROM vend.job_runs WHERE status = 'succeeded'}, 't', 'and where it is made again, it runs again');

# While refreshes are busy with many small batches.
$node->safe_psql('garage', q{SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day');
	INSERT INTO public.stays (garage_id, day, cents) SELECT md5((i % 700)::text)::uuid, date '2026-01-01' + i % 2000, i FROM generate_series(1, 40000) AS i});
becomes($node, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE batches > 0}, 't', 'a refresh has begun');
is(sqlstate($node, 'garage', 'DROP EXTENSION vend_analytics CASCADE'), '', 'the extension can be dropped during a refresh');
becomes($node, 'garage', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vend_analytics (job|scheduler)' AND datname = 'garage'}, '0', 'no process is left');
is($node->safe_psql('garage', 'SELECT count(*) FROM public.stays'), '45000', 'nothing of the source is lost');

# A dump restored elsewhere.
my $dump = $node->basedir . '/copied.dump';
# It runs every second, and is refused while it does.
my $asked = 'not yet';
for (1 .. 100) { $asked = sqlstate($node, 'copied', q{SELECT vend.run_job('keep')}) if $asked ne '' }
is($asked, '', 'a job is asked to run once more');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('copied') ], 'a database with jobs is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'and restored');
is($node->safe_psql('restored', q{SELECT bool_and(is_paused), count(*) FROM vend.jobs}), 't|2', 'all jobs are there, and paused');
$runs = $node->safe_psql('restored', 'SELECT max(run) FROM vend.job_runs');
$node->safe_psql('restored', q{SELECT vend.resume_job('keep')});
becomes($node, 'restored', qq{SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND status = 'succeeded'}, 't', 'a resumed one runs, under new numbers');
is(wrong_keys($node, 'restored'), '0', 'and right');

# A standby runs nothing; promoted, it runs everything.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'vend%'}), '0', 'a standby has no workers');
is($standby->safe_psql('restored', q{SELECT count(*) > 0 FROM vend_reports.stays_per_day}), 't', 'but its reports');
is(sqlstate($standby, 'restored', 'SELECT vend.start_scheduler()'), '25006', 'nor can they be started');
is(sqlstate($standby, 'restored', q{SELECT vend.run_job('keep')}), '25006', 'nor can a job');
$node->stop('immediate');
$before = time();
$standby->promote;
$runs = $standby->safe_psql('restored', 'SELECT max(run) FROM vend.job_runs');
becomes($standby, 'restored', qq{SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND status = 'succeeded'}, 't', 'after promotion the jobs run there');
figure('first run after promotion', sprintf('%.1f s', time() - $before), 'under 30 s');
is(wrong_keys($standby, 'restored'), '0', 'and right');

# Without preloading: a scheduler for one database, until the restart.
$standby->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$standby->restart;
my (undef, undef, $notice) = $standby->psql('restored', q{SELECT vend.resume_job('keep')});
like($notice, qr/no scheduler runs for this database.*start_scheduler/s, 'without preloading functions say what to do');
$runs = $standby->safe_psql('restored', 'SELECT max(run) FROM vend.job_runs');
is(sqlstate($standby, 'restored', 'SELECT vend.start_scheduler()'), '', 'a scheduler is started');
becomes($standby, 'restored', qq{SELECT count(*) > 1 FROM vend.job_runs WHERE run > $runs AND status = 'succeeded'}, 't', 'and runs the jobs');
(undef, undef, $notice) = $standby->psql('restored', 'SELECT vend.start_scheduler()');
like($notice, qr/a scheduler runs for this database/, 'once');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vend_analytics launcher'}), '1', 'there is one');
$runs = $standby->safe_psql('copied', 'SELECT max(run) FROM vend.job_runs');
is(sqlstate($standby, 'postgres', 'DROP DATABASE kept'), '', 'other databases can be dropped');
$standby->restart;
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'vend%'}), '0', 'a restart ends it');
is($standby->safe_psql('copied', 'SELECT max(run) FROM vend.job_runs'), $runs, 'nothing ran in other databases');
$standby->stop;
done_testing();
