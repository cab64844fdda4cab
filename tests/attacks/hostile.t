# Attacks by code of somebody who may create objects (SECURITY, section 8): that it is found first, that an administrator names
# it, that a worker runs it; and on the way in. Each is also run where it must succeed, so that it is known to be an attack.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vend_analytics'");
$node->start;
$node->safe_psql('postgres', q{
	CREATE DATABASE strong;
	REVOKE TEMPORARY ON DATABASE strong FROM PUBLIC});
sub one { my ($sql, $login) = @_; return $node->safe_psql('strong', $sql, extra_params => [ '-U', $login // 'postgres' ]); }
one(q{
	CREATE EXTENSION vend_analytics;
	SELECT vend.create_demo('operations', garages => 2, customers_per_garage => 3, months => 2, seed => 3);
	CREATE ROLE builder LOGIN IN ROLE vend_api;
	CREATE SCHEMA workshop AUTHORIZATION builder});
sub state_of
{
	my ($sql) = @_;
	my ($status, undef, $err) = $node->psql('strong', "\\set VERBOSITY sqlstate\n$sql");
	return $status == 0 ? '' : $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}
# Runs a job to its end.
sub run_job
{
	my ($job) = @_;
	my $before = one('SELECT coalesce(max(run), 0) FROM vend.job_runs');
	one("SELECT vend.run_job('$job')");
	# It is noted a moment after it was asked for.
	$node->poll_query_until('strong', "SELECT count(*) > 0 FROM vend.job_runs WHERE job = '$job' AND run > $before AND status <> 'running'") or die;
	return one("SELECT status || ' ' || coalesce(sqlstate, '') FROM vend.job_runs WHERE job = '$job' ORDER BY run DESC LIMIT 1");
}

# What is counted stays counted though a transaction fails.
one(q{
	CREATE SEQUENCE workshop.calls;
	CREATE SEQUENCE workshop.calls_as_superuser;
	GRANT USAGE ON SCHEMA workshop TO PUBLIC;
	GRANT ALL ON SEQUENCE workshop.calls, workshop.calls_as_superuser TO PUBLIC;
	CREATE FUNCTION workshop.note() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM nextval('workshop.calls');
			IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
				PERFORM nextval('workshop.calls_as_superuser');
			END IF;
		END $$;
	CREATE FUNCTION workshop.evil(numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM workshop.note(); RETURN $1; END $$;
	CREATE FUNCTION workshop.evil(uuid) RETURNS uuid IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM workshop.note(); RETURN $1; END $$}, 'builder');
sub called { return one("SELECT (SELECT is_called FROM workshop.$_[0]), setval('workshop.$_[0]', 1, false)") =~ /^t/ ? 1 : 0; }

# T10c: an administrator is talked into naming a function of somebody else.
my $mapping = q{SELECT * FROM vend.attach('operations', '{"payments": {"columns": {"amount": "workshop.evil(amount)"}}}')};
my $query = q{SELECT vend.create_rollup('spied', 'SELECT garage_id, sum(workshop.evil(amount)) AS amount FROM vend_staging.stg_payments GROUP BY 1', '{garage_id}', '{"payments": ["garage_id"]}')};
my $key = q{SELECT vend.create_rollup('spied', 'SELECT garage_id, count(*) AS payments FROM vend_staging.stg_payments GROUP BY 1', '{garage_id}', '{"payments": ["workshop.evil(garage_id)"]}')};
is(state_of($mapping), '42501', 'T10c: in a mapping it is refused');
one(q{SELECT * FROM vend.attach('operations'); SELECT * FROM vend.refresh()});
is(state_of($query), '42501', 'T10c: in the query of a rollup it is refused');
is(state_of($key), '42501', 'T10c: in a key expression it is refused');
is(called('calls_as_superuser'), 0, 'T10c: and was never run as a superuser');
one('ALTER FUNCTION workshop.evil(numeric) OWNER TO postgres; ALTER FUNCTION workshop.evil(uuid) OWNER TO postgres');
is(state_of($query) . state_of("SELECT vend.drop_rollup('spied')") . state_of($key) . state_of("SELECT vend.drop_rollup('spied')") . state_of($mapping), '', 'T10c: of a superuser it is taken');
called('calls');
one('SELECT sum(amount) FROM vend_staging.stg_payments');
is(called('calls'), 1, 'T10c: and then it runs');
one(q{SELECT * FROM vend.attach('operations'); ALTER FUNCTION workshop.evil(numeric) OWNER TO builder});

# T10b: functions and operators that fit better than PostgreSQL's own, found first by everybody's search_path.
my @better;
for my $name (qw(upper lower btrim))
{
	push @better, map { "CREATE FUNCTION workshop.$name($_) RETURNS $_ LANGUAGE plpgsql AS \$\$ BEGIN PERFORM workshop.note(); RETURN \$1; END \$\$" } qw(varchar text);
}
push @better, 'CREATE FUNCTION workshop.same(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM workshop.note(); RETURN true; END $$',
	'CREATE OPERATOR workshop.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = workshop.same)';
one(join(';', @better), 'builder');
one(q{
	ALTER DATABASE strong SET search_path = workshop, pg_catalog, public;
	ALTER ROLE vend_worker SET search_path = workshop, pg_catalog;
	SELECT vend.schedule('all', '@yearly', 'refresh'), vend.schedule('check', '@yearly', 'verify'), vend.schedule('alerts', '@yearly', 'check_alerts');
	UPDATE operations.payments SET amount = amount + 1});
called('calls');
for my $job ('all', 'check', 'alerts')
{
	is(run_job($job), 'succeeded ', "T10b: the worker runs $job");
}
one('UPDATE operations.payments SET amount = amount + 1; SELECT count(*) FROM vend.refresh(); SELECT count(*) FROM vend_reports.mv_failed_payments');
is(called('calls'), 0, 'T10b: and calls none of them, nor does a superuser who refreshes and reads');
one(q{SELECT upper('a'::varchar), gen_random_uuid() = gen_random_uuid()});
is(called('calls'), 1, 'T10b: whoever looks in the path does');
one('ALTER DATABASE strong RESET search_path; ALTER ROLE vend_worker RESET search_path');

# T10e: a materialized view whose function would like to be somebody else.
my @wishes = (
	q{PERFORM set_config('role', 'vend_worker', false)}, q{PERFORM set_config('session_authorization', 'vend_worker', false)},
	'SET LOCAL ROLE vend_owner', 'GRANT vend_owner TO builder', 'CREATE TEMP TABLE kept (n int)',
	'PERFORM FROM vend_internal.stored_daily_revenue', 'PERFORM FROM vend_staging.stg_payments', 'PERFORM FROM operations.payments',
	q{PERFORM vend_internal.execute_as_owner('GRANT vend_owner TO builder')}, q{PERFORM vend_internal.jobs_to_start()},
	q{IF EXISTS (SELECT FROM vend_reports.daily_revenue) THEN seen := seen || ' rows'; ELSE RAISE insufficient_privilege; END IF});
one("CREATE FUNCTION workshop.grab() RETURNS text LANGUAGE plpgsql AS \$\$ DECLARE seen text := current_user; BEGIN "
	. join(' ', map { "BEGIN $_; seen := seen || ' done'; EXCEPTION WHEN OTHERS THEN seen := seen || ' ' || sqlstate; END;" } @wishes)
	. ' RETURN seen; END $$; CREATE MATERIALIZED VIEW workshop.hostile AS SELECT workshop.grab() AS seen WITH NO DATA', 'builder');
one(q{GRANT builder TO vend_worker; SELECT vend.schedule('hostile', '@yearly', 'refresh', 'workshop.hostile')});
is(run_job('hostile'), 'succeeded ', 'T10e: the worker refreshes a hostile materialized view');
is(one('SELECT seen FROM workshop.hostile'), join(' ', 'builder', map { '42501' } @wishes), 'T10e: which stays its owner and is refused everything');
like(one('BEGIN; SELECT workshop.grab(); ROLLBACK'), qr/^postgres .*done.* rows done$/m, 'T10e: run by a superuser it would get it');
is(one(q{SELECT count(*) FROM pg_auth_members WHERE roleid = 'vend_owner'::regrole}), '0', 'T10e: and nobody is a member of vend_owner');

# T27
my ($status, undef, $err) = $node->psql('strong', 'SELECT 1', extra_params => [ '-U', 'vend_worker' ]);
ok($status != 0 && $err =~ /too many connections for role/, 'T27: nobody connects as vend_worker');
one('ALTER ROLE vend_worker CONNECTION LIMIT 1');
is(one('SELECT session_user', 'vend_worker'), 'vend_worker', 'T27: but for its limit one would');
one('ALTER ROLE vend_worker CONNECTION LIMIT 0');

# T28
is($node->safe_psql('postgres', q{SET app.current_user_id = 'anything'; SHOW app.current_user_id}), 'anything', 'T28: in a database without the extension the setting takes any text');
is(state_of(q{SET app.current_user_id = 'anything'}), '22023', 'T28: and in one with it an id');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
for my $asked ('vend.current_user_id()', 'vend.visible_garages()', "vend.sign_in('x')")
{
	is(state_of("BEGIN; SELECT set_config('app.current_user_id', id::text, true) FROM operations.users WHERE role = 'super_admin'; SELECT $asked"), '55000', "T28: not preloaded, $asked is an error");
}

$node->stop;
done_testing();
