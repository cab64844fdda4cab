# What the tests of jobs share: servers, a platform with rollups and slow materialized views, and looking at runs.
package JobTest;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
our @EXPORT = qw(server platform asked sqlstate becomes runs_of processes figure wrong_keys make_due);

# How long to wait for what is to happen; less where it is known not to, as with a mutant.
our $patience = $ENV{VEND_PATIENCE} // $PostgreSQL::Test::Utils::timeout_default;

# A server that preloads the library; of another PostgreSQL with install_path. All have checksums, as those of 18 do unless told
# otherwise: pg_upgrade wants them alike.
sub server
{
	my ($name, $conf, %of) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, %of);
	# What 18 says of streaming, earlier ones do not all understand.
	$node->init(allows_streaming => !$of{install_path}, extra => ['--data-checksums']);
	$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'vend_analytics'
restart_after_crash = on
log_line_prefix = '%m [%p] %b '
log_statement = none
$conf
});
	$node->start;
	return $node;
}

# A database with the extension, a rollup over a table of its own, and the role of somebody who owns materialized views.
sub platform
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, q{
		CREATE EXTENSION vend_analytics;
		SELECT vend.create_demo('operations', garages => 1, customers_per_garage => 2, months => 1);
		SELECT vend.attach('operations');
		CREATE TABLE public.stays (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, garage_id uuid NOT NULL, day date NOT NULL, cents bigint NOT NULL);
		CREATE INDEX ON public.stays (garage_id, day);
		INSERT INTO public.stays (garage_id, day, cents)
		SELECT md5((i % 7)::text)::uuid, date '2026-01-01' + i % 200, i FROM generate_series(1, 5000) AS i;
		SELECT vend.create_rollup('stays_per_day',
			'SELECT garage_id, day, count(*) AS stays, sum(cents) AS cents FROM public.stays GROUP BY garage_id, day',
			'{garage_id, day}', '{"public.stays": ["garage_id", "day"]}');
		SELECT vend.refresh();
		DO $$ BEGIN IF to_regrole('viewer') IS NULL THEN CREATE ROLE viewer; GRANT viewer TO vend_worker; END IF; END $$;
		CREATE SCHEMA views AUTHORIZATION viewer;
		SET ROLE viewer;
		CREATE MATERIALIZED VIEW views.quick AS SELECT 1 AS one;
		CREATE UNIQUE INDEX ON views.quick (one);
		CREATE MATERIALIZED VIEW views.slow AS SELECT pg_sleep(60)::text AS nothing WITH NO DATA;
	});
}

# The SQLSTATE of the error that statements end with, or '' if they succeed.
sub sqlstate
{
	my ($node, $database, $sql) = @_;
	my ($status, undef, $stderr) = $node->psql($database, "\\set VERBOSITY sqlstate\n$sql");
	return $status == 0 ? '' : $stderr =~ /ERROR:  (\w{5})/ ? $1 : $stderr;
}

# The status and the output of a query, or nothing: a psql that cannot connect may be gone before it is told its query, and
# IPC::Run dies of that.
sub asked
{
	my ($node, $database, $sql) = @_;
	return eval { $node->psql($database, $sql, timeout => 60) };
}

# Waits, for minutes if need be, until a query has this answer.
sub becomes
{
	my ($node, $database, $sql, $expected, $name) = @_;
	my $last = '';
	my $end = time() + $patience;
	while (1)
	{
		my ($status, $stdout) = asked($node, $database, $sql);
		$last = $stdout if defined $stdout;
		last if (defined $status && $status == 0 && $last eq $expected) || time() > $end;
		sleep 0.05;
	}
	is($last, $expected, $name);
}

# Runs of a job as "status status ...", the oldest first.
sub runs_of
{
	my ($job) = @_;
	return "SELECT string_agg(status, ' ' ORDER BY run) FROM vend.job_runs WHERE job = '$job'";
}

# The numbers of the processes of a kind (launcher, scheduler, job) in a database.
sub processes
{
	my ($kind) = @_;
	return "SELECT pid FROM pg_stat_activity WHERE backend_type = 'vend_analytics $kind'";
}

# A measured value beside what it is to be; a slow machine does not fail a test.
sub figure
{
	my ($name, $value, $target) = @_;
	diag sprintf('%s: %s (target %s)', $name, $value, $target);
}

# How many keys of the rollup are wrong; a job may just have it.
sub wrong_keys
{
	my ($node, $database) = @_;
	my $query = q{SELECT coalesce(sum(keys_wrong), 0) FROM vend.verify('stays_per_day')};
	my $end = time() + $patience;
	while (time() < $end)
	{
		my ($status, $wrong) = asked($node, $database, $query);
		return $wrong if defined $status && $status == 0;
	}
	return 'unknown';
}

# Has jobs due now, whatever their schedules say.
sub make_due
{
	my ($node, $database, $condition) = @_;
	$node->safe_psql($database, "UPDATE vend_internal.jobs SET next_due = now(), retry_at = NULL WHERE $condition; SELECT vend_internal.wake_scheduler()");
}

1;
