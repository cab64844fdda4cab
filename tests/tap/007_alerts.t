# Alerts are announced by their id alone, when they are raised and when they are cleared, to whoever listens; a dump
# carries them, and what was set of their rules, to another database.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('alerts');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vend_analytics'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE platform');
$node->safe_psql('platform', q{
	CREATE EXTENSION vend_analytics;
	CREATE ROLE passer_by;
	INSERT INTO vend_internal.jobs (job, schedule, timezone, task, is_paused, pause_reason, armed_system, armed_database)
	SELECT name, '@daily', 'UTC', 'verify', true, 'a secret reason', s.system_identifier, d.oid
	FROM unnest('{one,two}'::text[]) AS name, pg_control_system() s, pg_database d
	WHERE d.datname = current_database();
});

# What one who may see nothing hears of a check, in the order in which it comes.
sub heard
{
	my ($change) = @_;
	my $output = $node->safe_psql('platform', qq{SET ROLE passer_by;
		LISTEN vend_alerts;
		RESET ROLE;
		$change;
		SELECT vend_internal.check_alerts('{}');});
	return join ' ', $output =~ /notification "vend_alerts" with payload "(.*)" received/g;
}

is(heard('SELECT'), '1 2', 'two alerts are announced by their ids');
is(heard('SELECT'), '', 'what stays open is announced once');
is(heard(q{UPDATE vend_internal.jobs SET is_paused = false WHERE job = 'one'}), '1', 'so is what is cleared');
is(heard(q{SELECT vend.set_alert_rule('job_paused', is_enabled => false)}), '2', 'and what a rule that is switched off had found');
is(heard(q{SELECT vend.set_alert_rule('job_paused', is_enabled => true)}), '3', 'a later alert is another one');

$node->safe_psql('platform', q{SELECT vend.set_alert_rule('report_stale', '{"minutes": 5}')});
my $dump = $node->basedir . '/platform.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('platform') ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restored');
for my $relation ('vend.alerts', 'vend.alert_rules')
{
	my $rows = "SELECT string_agg(r::text, E'\\n' ORDER BY r::text) FROM $relation AS r";
	is($node->safe_psql('restored', $rows), $node->safe_psql('platform', $rows), "$relation is as it was");
}
# There no job is armed, so that "one" is paused, too: its alert gets an id that none has had.
$node->safe_psql('restored', q{SELECT vend_internal.check_alerts('{}')});
is($node->safe_psql('restored', q{SELECT string_agg(concat_ws(' ', id, rule, subject), ', ' ORDER BY id) FROM vend.alerts WHERE cleared_at IS NULL}),
	'3 job_paused two, 4 job_paused one', 'alerts go on where they were');

# A job does all that as vend_worker, and is heard as well. Whatever it finds slow to come by, the next change is another one.
$node->safe_psql('platform', q{SELECT vend.schedule('alerts', 'every 1 second', 'check_alerts')});
my $told = 0;
for (my $tries = 0; $tries < 60 && !$told; $tries++)
{
	my $output = $node->safe_psql('platform', q{LISTEN vend_alerts;
		UPDATE vend_internal.jobs SET is_paused = NOT is_paused WHERE job = 'one';
		SELECT pg_sleep(2);});
	$told = $output =~ /notification "vend_alerts" with payload "\d+" received/;
}
ok($told, 'a job announces what it finds');
is($node->safe_psql('platform', q{SELECT count(*) FROM vend.job_runs WHERE job = 'alerts' AND status = 'failed'}), '0', 'and does not fail');

$node->stop;
done_testing();
