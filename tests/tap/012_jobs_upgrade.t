# pg_upgrade into another cluster: every job is there, and paused until somebody says that it is to run here.
# VEND_OLD: where an earlier PostgreSQL with the extension is installed, to upgrade from (scripts/upgrade_from.sh).
use strict;
use warnings;
use Cwd qw(getcwd);
use JobTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $old = server('old', '', $ENV{VEND_OLD} ? (install_path => $ENV{VEND_OLD}) : ());
platform($old, 'garage');
$old->safe_psql('garage', q{
	SELECT vend.schedule('keep', 'every 1 second', 'refresh', 'stays_per_day');
	SELECT vend.schedule('check', '@daily', 'verify', timezone => 'Europe/Berlin');
	SELECT vend.schedule_refresh('views.quick', '@hourly');
	SELECT vend.pause_job('check', 'for a reason')});
becomes($old, 'garage', q{SELECT count(*) > 0 FROM vend.job_runs WHERE status = 'succeeded'}, 't', 'a job runs in the old cluster');
# Some changes are refreshed, some are not.
$old->safe_psql('garage', q{SELECT vend.pause_job('keep'); UPDATE public.stays SET cents = cents + 1 WHERE id % 10 = 0});
becomes($old, 'garage', processes('job'), '', 'nothing runs when it is stopped');
$old->safe_psql('garage', q{UPDATE vend_internal.jobs SET is_paused = false, pause_reason = NULL, next_due = now() WHERE job = 'keep'});
my $jobs = q{SELECT job, schedule, timezone, task, target, options FROM vend.jobs ORDER BY job};
my ($before, $runs) = map { $old->safe_psql('garage', $_) } $jobs, 'SELECT max(run) FROM vend.job_runs';
my $was = $old->safe_psql('garage', 'SHOW server_version_num');
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => ['--data-checksums']);
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'vend_analytics'");
my ($old_bin, $new_bin) = map { $_->config_data('--bindir') } $old, $new;
my $from = getcwd();
# It writes its logs where it is called.
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
my $began = time();
command_ok([ "$new_bin/pg_upgrade", '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bin, '-B', $new_bin,
	'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'a cluster with jobs is upgraded');
figure("pg_upgrade from $was to " . $new->config_data('--version'), sprintf('%.0f s', time() - $began), 'succeeds');
chdir $from or die $!;

$new->start;
is($new->safe_psql('garage', $jobs), $before, 'all jobs are there');
is($new->safe_psql('garage', 'SELECT bool_and(is_paused) FROM vend.jobs'), 't', 'and paused');
is($new->safe_psql('garage', q{SELECT DISTINCT pause_reason FROM vend.jobs}), 'scheduled in another database: vend.resume_job() schedules it here', 'as they are of another cluster');
is($new->safe_psql('garage', 'SELECT max(run) FROM vend.job_runs'), $runs, 'and none has run');
figure('jobs after pg_upgrade, and paused', $new->safe_psql('garage', q{SELECT concat_ws(', ', count(*), count(*) FILTER (WHERE is_paused)) FROM vend.jobs}), 'all');
make_due($new, 'garage', 'true');
$new->safe_psql('garage', q{SELECT vend.schedule('new', 'every 1 second', 'retention', options => '{"keep": "1 year"}')});
becomes($new, 'garage', q{SELECT count(*) > 1 FROM vend.job_runs WHERE job = 'new' AND status = 'succeeded'}, 't', 'while a new one runs');
is($new->safe_psql('garage', "SELECT count(*) FROM vend.job_runs WHERE run > $runs AND job <> 'new'"), '0', 'none of the others does');
is($new->safe_psql('garage', 'SELECT sum(stays) = (SELECT count(*) FROM public.stays) FROM vend_reports.stays_per_day'), 't', 'reports are right');
$new->safe_psql('garage', q{SELECT vend.resume_job('keep')});
becomes($new, 'garage', "SELECT count(*) > 0 FROM vend.job_runs WHERE run > $runs AND job = 'keep' AND status = 'succeeded'", 't', 'a resumed one runs, under new numbers');
becomes($new, 'garage', q{SELECT is_built AND pending_notes = 0 FROM vend.freshness WHERE rollup = 'stays_per_day'}, 't', 'and works off what the old cluster left');
is(wrong_keys($new, 'garage'), '0', 'and all is right');
is($new->safe_psql('garage', q{SELECT count(*) FROM vend.job_runs WHERE sqlstate LIKE 'XX%'}), '0', 'no internal error anywhere');
$new->stop;
done_testing();
