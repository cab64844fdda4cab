# On a clock on which an hour passes in a second, jobs run over the changes to and from summer time, and the clock is set: none
# is missed, none doubled. VEND_WEEKS=1 runs whole weeks.
use strict;
use warnings;
use JobTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

my $rate = 3600;
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($added, $elapsed, @set) = (0, 0);
system_or_bail('gcc', '-Wall', '-Wextra', '-Werror', '-O2', '-shared', '-fPIC', '-o', "$dir/clock.so", "$ENV{TESTDIR}/lib/clock.c");

# The numbers wrap as they do in clock.c.
sub now { use integer; return (int(1e9 * time()) * $rate + $added) / 1_000_000_000 }

# What it shows from now on, whatever it has shown.
sub set_clock
{
	my ($to) = @_;
	push @set, sprintf '[%d,%d]', now(), $to if -e "$dir/clock" && now() < $to;
	{ use integer; $added = $to * 1_000_000_000 - int(1e9 * time()) * $rate }
	# It is mapped, and must not be empty for an instant.
	open my $file, -e "$dir/clock" ? '+<' : '>', "$dir/clock" or die $!;
	syswrite $file, pack('q', $added) or die $!;
	close $file;
}

sub elapse
{
	my ($hours) = @_;
	my $end = now() + 3600 * $hours;
	$elapsed += $hours;
	while ((my $left = $end - now()) > 0) { sleep $left / $rate }
}

sub utc
{
	my ($date, $hour) = @_;
	my ($y, $m, $d) = split /-/, $date;
	return timegm(0, 0, $hour, $d, $m - 1, $y);
}

# From when on, and how many hours. Berlin goes forward, later Sydney and Lord Howe (by half an hour) go back; Berlin goes back,
# later New York.
my @spans = $ENV{VEND_WEEKS}
	? ([ utc('2026-03-28', 12), 180 ], [ utc('2026-10-24', 12), 192 ])
	: ([ utc('2026-03-28', 22), 5 ], [ utc('2026-04-04', 14), 4 ], [ utc('2026-10-24', 23), 4 ]);
set_clock($spans[0][0] - 3600);
my $node;
{
	local @ENV{qw(LD_PRELOAD VEND_CLOCK VEND_CLOCK_RATE)} = ("$dir/clock.so", "$dir/clock", $rate);
	# What happens every few minutes would never rest; limits of seconds would be over at once.
	$node = server('clock', q{
autovacuum = off
bgwriter_delay = 10s
wal_writer_delay = 10s
checkpoint_timeout = 1d
max_logical_replication_workers = 0
max_worker_processes = 16
vend_analytics.look_interval = 10min
vend_analytics.max_running_jobs = 8
vend_analytics.statement_timeout = 0
vend_analytics.lock_timeout = 0
});
}
my $sql = sub { $node->safe_psql('postgres', @_) };
$sql->('CREATE EXTENSION vend_analytics');
set_clock($spans[0][0]);
# What passes between a statement and the next are minutes: each is due from when its schedule says so for the first time.
$sql->(q{
	BEGIN;
	SELECT vend.schedule(format('%s in %s', s, z), c, 'retention', NULL, '{"keep": "10 years"}', z)
	FROM unnest('{Europe/Berlin,America/New_York,Australia/Sydney,Australia/Lord_Howe}'::text[]) AS z,
		(VALUES ('hourly', '0 * * * *'), ('at night', '30 2 * * *'), ('every other hour', 'every 2 hours')) AS s(s, c);
	CREATE TABLE first_due AS SELECT job, next_due FROM vend.jobs;
	COMMIT});
my $begin = $sql->('SELECT max(created_at) FROM vend.jobs');
cmp_ok(abs($sql->('SELECT extract(epoch FROM clock_timestamp())') - now()), '<', 86400, 'the server goes by this clock');

for my $span (@spans)
{
	set_clock($span->[0]) if now() < $span->[0];
	elapse($span->[1]);
}
my $asleep = now();
set_clock($asleep + 3 * 3600);
elapse(2);
set_clock(now() + 3600);
elapse(2);
set_clock(now() - 3600);
elapse(3);
my $end = now();
becomes($node, 'postgres', "SELECT count(*) FROM vend_internal.jobs WHERE next_due <= to_timestamp($end)", '0', 'all that was due was run');
becomes($node, 'postgres', q{SELECT string_agg(DISTINCT status, ' ') FROM vend.job_runs WHERE status <> 'waiting'}, 'succeeded', 'and succeeded');
$node->append_conf('postgresql.conf', 'vend_analytics.scheduler = off');
$node->reload;

# When each should have run, by PostgreSQL's own knowledge of zones: at every full hour that a clock shows, as soon as it shows
# half past two or later, and every other hour that passes.
$sql->(qq{
	CREATE TABLE half_hours AS
	SELECT at, zone, at AT TIME ZONE zone AS wall
	FROM generate_series(date_trunc('day', timestamptz '$begin') - interval '2 days', to_timestamp($end), interval '30 minutes') AS at,
		(SELECT DISTINCT timezone FROM vend.jobs) AS z(zone);
	CREATE TABLE due AS
	SELECT * FROM (
		SELECT 'hourly in ' || zone AS job, at FROM half_hours WHERE extract(minute FROM wall) = 0
		UNION ALL
		SELECT 'at night in ' || zone, min(at) FROM half_hours GROUP BY zone, (wall - interval '2:30')::date
		UNION ALL
		SELECT 'every other hour in ' || zone, at FROM half_hours WHERE extract(epoch FROM at) % 7200 = 0) AS d
	WHERE at >= (SELECT f.next_due FROM first_due f WHERE f.job = d.job);
	CREATE TABLE ran AS SELECT job, run, due_at, started_at FROM vend.job_runs WHERE status <> 'waiting' AND due_at <= to_timestamp($end)});
my $missed = q{SELECT job, at FROM due d WHERE NOT EXISTS (SELECT FROM ran r WHERE r.job = d.job AND d.at BETWEEN r.due_at AND r.started_at)};
is($sql->("$missed ORDER BY 1, 2"), '', 'none is missed that no later run made up for');
my $doubled = q{SELECT job, due_at FROM ran r WHERE EXISTS (SELECT FROM ran o WHERE o.job = r.job AND o.run < r.run AND r.due_at <= o.started_at)};
is($sql->("$doubled ORDER BY 1, 2"), '', 'none ran again for what an earlier run was for');
is($sql->('SELECT job, due_at FROM ran EXCEPT SELECT job, at FROM due ORDER BY 1, 2'), '', 'nor at another time');
is($sql->('SELECT count(*) FROM ran WHERE started_at < due_at'), '0', 'nor early');
my $made_up = qq{SELECT count(*) FROM ran WHERE job ~ 'hourly' AND due_at <= to_timestamp($asleep) + interval '1 hour' AND started_at >= to_timestamp($asleep) + interval '3 hours'};
is($sql->($made_up), '4', 'three hours asleep are made up for by one run');

figure('runs in days of this clock', sprintf('%s in %.1f', $sql->('SELECT count(*) FROM ran'), $elapsed / 24), 'as often as due');
figure('missed, doubled', join(', ', map { $sql->("SELECT count(*) FROM ($_) AS q") } $missed, $doubled), '0, 0');
my $set = join ', ', map { "int8range '$_'" } @set;
figure('longest delay while nobody set the clock', $sql->(qq{
	SELECT round(max(extract(epoch FROM started_at - due_at)) / $rate, 2) || ' s' FROM ran
	WHERE NOT EXISTS (SELECT FROM unnest(ARRAY[$set]) AS s WHERE s @> extract(epoch FROM due_at)::int8)}), 'under 1 s, an hour of this clock');
$node->stop;
done_testing();
