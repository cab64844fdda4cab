# Refreshes get into nobody's way: not of writers, nor readers, nor of somebody who changes the table; and jobs share what
# slots there are with parallel queries. VEND_MINUTES makes it longer.
use strict;
use warnings;
use IPC::Run ();
use JobTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{VEND_MINUTES} ? 60 * $ENV{VEND_MINUTES} : 20;
my $node = server('contention', q{
max_connections = 40
max_worker_processes = 8
deadlock_timeout = 100ms
vend_analytics.look_interval = 1h
vend_analytics.batch_time = 100ms
});
platform($node, 'garage');
my $sql = sub { $node->safe_psql('garage', @_) };
my $dir = PostgreSQL::Test::Utils::tempdir();
$sql->(q{SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day'); SELECT vend.schedule('all', 'every 2 seconds', 'refresh')});
$sql->('CREATE TABLE public.waits (who text, waits_for text, query text)');

# What some clients do for a while, at a pace that leaves the machine room; each line of their log is a transaction.
sub clients
{
	my ($name, $count, $pace, $script) = @_;
	append_to_file("$dir/$name.sql", $script);
	# Into a file: a pipe that nobody reads yet would hold it up.
	my $output = "$dir/$name.output";
	my $handle = IPC::Run::start(
		[ 'pgbench', '-n', '-M', 'prepared', '-c', $count, '-T', $seconds, '-R', $pace, '-l', '--log-prefix', "$dir/$name", '-f', "$dir/$name.sql", $node->connstr('garage') . " application_name=$name" ],
		'>', $output, '2>&1');
	return { name => $name, handle => $handle, output => $output };
}

# To their end; returns how many transactions there were.
sub finish
{
	my ($client) = @_;
	ok($client->{handle}->finish, "no $client->{name} gave up");
	my $output = slurp_file($client->{output});
	like($output, qr/number of failed transactions: 0 /, "no $client->{name} failed") or diag $output;
	return $output =~ /number of transactions actually processed: (\d+)/ ? $1 : 0;
}

# The microseconds that 99 of 100 transactions took no longer than, without what they started late.
sub percentile
{
	my ($name) = @_;
	my @took = sort { $a <=> $b } map { (split)[2] - ((split)[6] // 0) } map { split /\n/, slurp_file($_) } glob "$dir/$name.*[0-9]";
	return sprintf '%.1f ms', $took[ $#took * 0.99 ] / 1000;
}

my @clients = (
	clients('writer', 8, 200, q{
\set garage random(1, 7)
\set day random(0, 300)
\set kind random(1, 4)
BEGIN;
\if :kind = 1
DELETE FROM public.stays WHERE id = (SELECT min(id) FROM public.stays WHERE garage_id = md5(:garage::text)::uuid AND day = date '2026-01-01' + :day::int);
\elif :kind = 2
UPDATE public.stays SET cents = cents + 1 WHERE id = (SELECT max(id) FROM public.stays WHERE garage_id = md5(:garage::text)::uuid AND day = date '2026-01-01' + :day::int);
\else
INSERT INTO public.stays (garage_id, day, cents) VALUES (md5(:garage::text)::uuid, date '2026-01-01' + :day::int, :day::int);
\endif
END;
}),
	clients('reader', 1, 50, q{
\set garage random(1, 7)
SELECT sum(stays), sum(cents) FROM vend_reports.stays_per_day WHERE garage_id = md5(:garage::text)::uuid;
}),
	# Reads for long. Who wants to lock the table waits for it, and others for him; he gives up, and tries again.
	clients('long', 1, 1, q{
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM vend_reports.stays_per_day;
SELECT count(*) FROM public.stays;
SELECT pg_sleep(4);
END;
}),
	clients('changer', 1, 10, q{
DO $$ BEGIN
	SET LOCAL lock_timeout = '20ms';
	ALTER TABLE public.stays ALTER cents SET DEFAULT 0;
EXCEPTION WHEN lock_not_available THEN
	NULL;
END $$;
}),
	# Who waits for a lock that a job holds.
	clients('watcher', 1, 100, q{
INSERT INTO public.waits
SELECT w.application_name, w.wait_event, w.query
FROM (SELECT * FROM pg_stat_activity WHERE application_name IN ('writer', 'reader') AND wait_event_type = 'Lock' OFFSET 0) AS w
CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocker
JOIN pg_stat_activity b ON b.pid = blocker AND b.backend_type LIKE 'vend%';
}));
my %done = map { $_->{name} => finish($_) } @clients;
my $waits = $sql->('SELECT * FROM public.waits LIMIT 10');
is($waits, '', 'nobody waited for a refresh');
is($sql->(q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'garage'}), '0', 'there was no deadlock');
is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE status = 'failed' OR sqlstate = '40P01'}), '0', 'no run failed');
is($sql->(q{SELECT count(*) > 0 AND sum(rows) > 0 FROM vend.job_runs WHERE job = 'keep' AND status = 'succeeded'}), 't', 'refreshes were made all the while');
$sql->('SELECT vend.unschedule(job) FROM vend.jobs');
becomes($node, 'garage', processes('job'), '', 'and are over');
$sql->(q{SELECT rollup FROM vend.refresh('stays_per_day')});
is(wrong_keys($node, 'garage'), '0', 'and all is right');
figure("$seconds s of refreshes, $done{writer} writes by 8, a long reader and $done{changer} ALTER TABLE: waits for a refresh seen in $done{watcher} looks, deadlocks",
	$sql->(q{SELECT concat_ws(', ', (SELECT count(*) FROM public.waits), deadlocks) FROM pg_stat_database WHERE datname = 'garage'}), '0, 0');
figure('p99 of a reader', percentile('reader'), 'under 50 ms');
figure('p99 of a writer', percentile('writer'), 'none waits');

# Twenty jobs due at once, while parallel queries want the same worker slots.
$node->append_conf('postgresql.conf', 'vend_analytics.max_running_jobs = 8');
$node->reload;
$sql->(q{
	SELECT vend.schedule('one of ' || i, 'every 700 hours', 'verify', 'stays_per_day') FROM generate_series(1, 20) AS i;
	ANALYZE public.stays});
$seconds = 5;
my $parallel = clients('parallel', 2, 100, q{
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
SELECT count(*), sum(cents) FROM public.stays;
});
make_due($node, 'garage', q{job LIKE 'one of%'});
finish($parallel);
becomes($node, 'garage', q{SELECT count(DISTINCT job) FROM vend.job_runs WHERE job LIKE 'one of%' AND status = 'succeeded'}, '20', 'each of twenty jobs ran');
is($sql->(q{SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM vend.job_runs WHERE job LIKE 'one of%' AND status = 'succeeded' GROUP BY job) AS j}), '1', 'and once');
is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE job LIKE 'one of%' AND status NOT IN ('succeeded', 'waiting', 'interrupted')}), '0', 'and none failed');
figure('20 jobs beside parallel queries: waits for a slot, longest delay', $sql->(q{SELECT concat_ws(', ', sum(waits), max(longest_delay)) FROM vend.job_stats WHERE job LIKE 'one of%'}), 'each ran once');

is($sql->(q{SELECT count(*) FROM vend.job_runs WHERE sqlstate LIKE 'XX%'}), '0', 'no internal error anywhere');
$node->stop;
done_testing();
