# Attacks on what a reader may see (SECURITY, section 8), each run as the attacker: once against the extension, where it must
# fail, and where there is one against a weak copy, where it must succeed, so that it is known to be an attack.
# VEND_QUERIES: how many queries the fuzz asks (10,000 by make attacks). VEND_SEED: its seed.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('isolation');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'vend_analytics'
wal_level = logical
jit = off
autovacuum = off
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE DATABASE strong;
	REVOKE TEMPORARY ON DATABASE strong FROM PUBLIC});
$node->safe_psql('strong', q{
	CREATE EXTENSION vend_analytics;
	SELECT vend.create_demo('operations', garages => 5, customers_per_garage => 12, months => 4, seed => 7);
	-- Few, as they are computed anew for each of many queries.
	DELETE FROM operations.parked WHERE id::text > '1';
	SELECT * FROM vend.attach('operations', timezone => 'Europe/Berlin');
	SELECT vend.create_rollup('visits_per_day',
		'SELECT garage_id, vend.local_day(entered_at, ''UTC'') AS day, count(*) AS visits FROM vend_staging.stg_parked GROUP BY 1, 2',
		'{garage_id, day}', '{"parked": ["garage_id", "vend.local_day(entered_at, ''UTC'')"]}');
	SELECT vend.create_rollup('payment_currencies', 'SELECT currency, count(*) AS payments FROM vend_staging.stg_payments GROUP BY 1',
		'{currency}', '{"payments": ["currency"]}', tenant_column => NULL);
	SELECT * FROM vend.refresh();
	-- a reads as its user says, b is mapped, d may make objects of its own.
	CREATE ROLE app LOGIN IN ROLE vend_api;
	CREATE ROLE bi LOGIN IN ROLE vend_bi;
	CREATE ROLE builder LOGIN IN ROLE vend_api;
	CREATE SCHEMA workshop AUTHORIZATION builder;
	GRANT USAGE ON SCHEMA operations TO vend_api, vend_bi;
	VACUUM ANALYZE});

sub one { my ($db, $sql) = @_; return $node->safe_psql($db, $sql); }
my @garages = split /\n/, one('strong', 'SELECT id FROM operations.garages ORDER BY id');
my ($own, $second, $foreign) = @garages;
my $super = one('strong', q{SELECT id FROM operations.users WHERE role = 'super_admin' ORDER BY id LIMIT 1});
my ($admin, $admin_of_two, $customer) = map { "aaaaaaaa-0000-0000-0000-00000000000$_" } 1 .. 3;
one('strong', qq{
	INSERT INTO operations.users (id, first_name, last_name, email, role, created_at, updated_at) VALUES
		('$admin', 'Ada', 'One', 'ada\@example.com', 'garage_admin', now(), now()),
		('$admin_of_two', 'Bob', 'Two', 'bob\@example.com', 'garage_admin', now(), now()),
		('$customer', 'Cy', 'Customer', 'cy\@example.com', 'user', now(), now());
	INSERT INTO operations.garage_admins (id, user_id, garage_id, created_at) VALUES
		(gen_random_uuid(), '$admin', '$own', now()), (gen_random_uuid(), '$admin_of_two', '$own', now()), (gen_random_uuid(), '$admin_of_two', '$second', now());
	-- A customer of two garages, and one whose customer nobody but the foreign garage is.
	INSERT INTO operations.subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, cancel_at_period_end, created_at, updated_at)
	SELECT gen_random_uuid(), '$customer', p.garage_id, p.id, 'past_due', 77, false, now() - interval '40 days', now() - interval '40 days'
	FROM (SELECT DISTINCT ON (garage_id) * FROM operations.passes WHERE garage_id IN ('$own', '$foreign') ORDER BY garage_id, id) AS p;
	-- A subscription, a payment and a visit with a pass of the foreign garage, as after a move.
	INSERT INTO operations.subscriptions (id, user_id, garage_id, pass_id, status, monthly_amount, cancel_at_period_end, created_at, updated_at)
	SELECT gen_random_uuid(), '$customer', '$own', p.id, 'active', 55, false, now() - interval '20 days', now() - interval '20 days'
	FROM (SELECT * FROM operations.passes WHERE garage_id = '$foreign' ORDER BY id LIMIT 1) AS p;
	INSERT INTO operations.payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
	SELECT gen_random_uuid(), id, garage_id, 55, 2, 53, 'succeeded', 'usd', created_at + n * interval '1 day', created_at, created_at
	FROM operations.subscriptions CROSS JOIN generate_series(-1, 1) n WHERE monthly_amount = 55 AND user_id = '$customer';
	INSERT INTO operations.parked (id, garage_id, user_id, pass_id, entered_at, exited_at, created_at)
	SELECT gen_random_uuid(), garage_id, user_id, pass_id, now() - interval '1 day', now(), now() FROM operations.subscriptions WHERE monthly_amount = 55 AND user_id = '$customer';
	SELECT vend.map_login('bi', '$admin');
	SELECT vend.refresh();
	SELECT vend.schedule('visits', '\@yearly', 'refresh', 'daily_visits'), vend.schedule('alerts', '\@yearly', 'check_alerts');
	-- A run that failed, and an alert that is of another garage.
	INSERT INTO vend_internal.job_runs (job, task, target, started_at, finished_at, status, sqlstate, message)
	VALUES ('visits', 'refresh', 'daily_visits', now(), now(), 'failed', '22012', 'division by zero');
	INSERT INTO vend_internal.alerts (rule, subject, details) VALUES ('revenue_outlier', '$foreign', '{"revenue": 1}')});

# Runs SQL as a login, in one transaction that acts for a user: (SQLSTATE or empty, output, messages).
sub attack
{
	my ($db, $login, $user, $sql) = @_;
	my $set = $user && $login ne 'bi' ? "SET LOCAL app.current_user_id = '$user';" : '';
	my ($code, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\nBEGIN;\n$set\n$sql;\nCOMMIT;", extra_params => [ '-U', $login ], on_error_stop => 1);
	my ($state) = ($err // '') =~ /ERROR:\s+(\w{5}):/;
	return ($state // '', $out // '', $err // '');
}
sub output { my @got = attack(@_); return $got[0] ? "error $got[0]" : $got[1]; }

# A copy of strong for one weakness.
my $copies = 0;
sub copy
{
	my ($weakness) = @_;
	my $db = 'copy_' . ++$copies;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE strong");
	$node->safe_psql('postgres', "REVOKE TEMPORARY ON DATABASE $db FROM PUBLIC");
	one($db, $weakness) if $weakness;
	return $db;
}
# What a view would be that somebody forgot to scope.
my $plain_view = q{CREATE OR REPLACE VIEW vend_reports.daily_revenue WITH (security_invoker = false) AS TABLE vend_internal.exact_daily_revenue;};
my $weak = copy($plain_view);

sub granted
{
	my ($login, $db) = @_;
	return split /\n/, one($db // 'strong', qq{
		SELECT c.oid::regclass FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('vend', 'vend_reports', 'vend_marts') AND c.relkind IN ('v', 'm') AND has_table_privilege('$login', c.oid, 'SELECT')
		ORDER BY c.oid::regclass::text});
}
my @for_api = granted('app');
my @for_bi = granted('bi');
is("@for_api", join(' ', sort qw(vend.alerts vend.audit_log vend.freshness vend.job_runs vend.job_stats vend.jobs vend.policies vend_marts.dim_date vend_marts.dim_garages vend_marts.dim_passes vend_marts.dim_time vend_marts.dim_users
	vend_marts.fact_daily_occupancy vend_marts.fact_parking_events vend_marts.fact_payments vend_marts.fact_subscription_periods vend_marts.fact_subscriptions vend_reports.daily_revenue vend_reports.mv_active_subscriptions vend_reports.mv_current_month_metrics
	vend_reports.mv_current_occupancy vend_reports.mv_daily_revenue vend_reports.mv_failed_payments vend_reports.payment_currencies
	vend_reports.daily_visits vend_reports.hourly_occupancy vend_reports.subscription_timelines
	vend_reports.visits_per_day)), 'vend_api reads reports, dimensions and facts');
is("@for_bi", join(' ', grep { !/dim_users|fact_|audit_log/ } @for_api), 'vend_bi reads neither facts nor people');
# Of what is of no garage super admins see everything and others nothing.
my @platform = qw(vend.alerts vend.audit_log vend.job_runs vend.job_stats vend.jobs vend_reports.payment_currencies);

# Everything that two answers show of other garages.
sub foreign_in
{
	my ($text) = @_;
	return scalar grep { $text =~ /$_/ } @garages[ 1 .. $#garages ];
}

# The oracle: what a user sees is what a superuser gets with an explicit condition.
my %scope = (
	'vend_marts.dim_users' => q{user_id = '%1$s' OR user_id IN (SELECT user_id FROM operations.subscriptions WHERE garage_id = ANY ('%2$s')
		UNION SELECT user_id FROM operations.parked WHERE garage_id = ANY ('%2$s')
		UNION SELECT user_id FROM vend_internal.subscription_versions WHERE garage_id = ANY ('%2$s')) OR '%1$s' = '} . $super . q{'},
	'vend_marts.dim_date' => 'true',
	'vend_marts.dim_time' => 'true',
	'vend.policies' => 'true',
	map { $_ => qq{'%1\$s' = '$super'} } @platform);
sub oracle
{
	my ($db) = @_;
	my %sees = ($admin => "{$own}", $admin_of_two => "{$own,$second}", $customer => '{}', $super => '{' . join(',', @garages) . '}', '' => '{}');
	my @differing;
	for my $user (sort keys %sees)
	{
		for my $relation (grep { $_ ne 'vend.freshness' } @for_api)
		{
			my $condition = sprintf $scope{$relation} // q{garage_id = ANY ('%2$s')}, $user || '00000000-0000-0000-0000-000000000000', $sees{$user};
			my $digest = qq{SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, E'\\n' ORDER BY r::text)), '') FROM $relation AS r};
			my $set = $user ? "SET LOCAL app.current_user_id = '$user';" : '';
			# In one transaction, as the clock stands still in it.
			my @answers = split /\n/, one($db, "BEGIN; $set SELECT 1; $digest WHERE $condition; SET LOCAL ROLE app; $digest; COMMIT");
			shift @answers;
			push @differing, "$relation for " . ($user || 'nobody') . ": @answers" if $answers[0] ne $answers[1];
		}
	}
	return @differing;
}
is(join("\n", oracle('strong')), '', 'oracle: each user sees what an explicit condition shows, and no more');
one('strong', qq{UPDATE operations.payments SET amount = amount + 1, net_amount = net_amount + 1 WHERE id IN (SELECT id FROM operations.payments ORDER BY id LIMIT 40)});
is(join("\n", oracle('strong')), '', 'oracle: also with notes that wait');
one('strong', qq{UPDATE operations.garages SET name = name || ' II', timezone = 'Europe/Lisbon' WHERE id IN ('$own', '$foreign')});
is(join("\n", oracle('strong')), '', 'oracle: also with notes that the views do not follow');
one('strong', 'SELECT vend.refresh()');
cmp_ok(scalar(oracle($weak)), '>', 0, 'oracle: catches an unscoped view');

# T4: a function that tells what it is shown, and a planner that would like to ask it first.
my $spy = q{
	CREATE FUNCTION workshop.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'seen %', $1; RETURN true; END $$;
	GRANT USAGE ON SCHEMA workshop TO PUBLIC; GRANT EXECUTE ON FUNCTION workshop.leak TO PUBLIC};
sub leaked
{
	my ($db, $relation, $shown) = (@_, 'r::text');
	my %own = map { $_ => 1 } split /\n/, output($db, 'builder', $admin, "SELECT $shown FROM $relation AS r");
	my $foreign = 0;
	for my $off ('seqscan', 'indexscan', 'hashjoin')
	{
		my $set = "SET LOCAL enable_$off = off;" . ($off eq 'indexscan' ? 'SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off;' : '');
		my ($state, $out, $err) = attack($db, 'builder', $admin, "$set SELECT count(*) FROM $relation AS r WHERE workshop.leak($shown)");
		die $err if $state;
		$foreign += grep { !$own{$_} } ($err =~ /NOTICE:\s+\w{5}:\s+seen (.*)/g);
	}
	return $foreign;
}
for my $db ('strong', $weak) { $node->safe_psql($db, $spy, extra_params => [ '-U', 'builder' ]); }
is(join(' ', grep { leaked('strong', $_, $_ eq 'vend.freshness' ? 'rollup || pending_notes' : 'r::text') } @for_api), '', 'T4: a function that tells is shown own rows only');
# The comparison of garages costs nothing, so that it comes first even without a barrier; here it has a cost.
my $costly = q{CREATE OR REPLACE FUNCTION vend_internal.is_visible(uuid, uuid[]) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '$libdir/vend_analytics', 'vend_is_visible';};
my $open = copy("$costly ALTER VIEW vend_marts.dim_garages RESET (security_barrier)");
cmp_ok(leaked($open, 'vend_marts.dim_garages', 'garage_name'), '>', 0, 'T4: without a barrier it is shown others');
# PostgreSQL flattens a UNION ALL, barrier or not.
$open = copy($costly . q{
	DO $$ BEGIN EXECUTE (SELECT replace(regexp_replace(d, 'AS SELECT %2\$s FROM \(', 'AS'), ' AS visible', '') FROM replace(pg_get_functiondef('vend_internal.make_scoped_view'::regproc),
		'NOT (SELECT row_security_active(''''vend_internal.bypass''''::regclass))) AS visible', 'NOT (SELECT row_security_active(''''vend_internal.bypass''''::regclass))') AS d); END $$;
	SELECT vend.attach('operations', timezone => 'Europe/Berlin')});
cmp_ok(leaked($open, 'vend_marts.dim_garages', 'garage_name'), '>', 0, 'T4: nor does a barrier hold around a bare UNION ALL');
# T4b: an error message is an answer, too.
my $cast = q{SELECT count(*) FROM vend_reports.daily_revenue WHERE garage_id::text::int > 0};
my ($state, undef, $message) = attack('strong', 'bi', undef, $cast);
ok($state eq '22P02' && !foreign_in($message), 'T4b: an error shows no foreign value');
my $of_foreign = "SELECT count(*) FROM vend_reports.daily_revenue WHERE CASE WHEN garage_id <> '$own' THEN garage_id::text::int > 0 END";
is((attack('strong', 'bi', undef, $of_foreign))[0], '', 'T4b: nor does one that asks for foreign values only');
($state, undef, $message) = attack($weak, 'bi', undef, $of_foreign);
ok($state eq '22P02' && foreign_in($message), 'T4b: of an unscoped view it does');

# T5: plans tell how many rows were looked at.
my $busy = qq{INSERT INTO operations.payments (id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
	SELECT gen_random_uuid(), '$foreign', 10, 1, 9, 'succeeded', 'eur', now() - n * interval '1 day', now(), now() FROM generate_series(1, 30) n};
my @reports = grep { /^vend_reports/ } @for_bi;
sub plans
{
	my ($db) = @_;
	return join "\n", map { output($db, 'bi', undef, "EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM $_") } @reports;
}
for my $case ([ copy(), 1 ],
	[ copy(q{CREATE OR REPLACE VIEW vend_reports.daily_revenue WITH (security_invoker = false) AS SELECT * FROM vend_internal.exact_daily_revenue
		WHERE garage_id = ANY ((SELECT vend.visible_garages())::uuid[])}), 0 ])
{
	my ($db, $holds) = @$case;
	plans($db);
	my $idle = plans($db);
	one($db, $busy);
	is(plans($db) eq $idle, !!$holds, $holds ? 'T5: plans are the same when another garage is busy' : 'T5: of a view that reads notes itself they are not');
}
# What a plan or a clock tells of a row of somebody else that a reader's own condition describes. The work is the same, to the page
# and the row, whether there is such a garage, such a row or none: in plans that pass through everything and in those by an
# index. Work is counted, as a clock on a busy machine says nothing for sure; how far the clock can tell is only printed.
my $meter = q{
	CREATE SCHEMA meter;
	GRANT USAGE ON SCHEMA meter TO PUBLIC;
	CREATE FUNCTION meter.work(query text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		plan json;
	BEGIN
		EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json, TIMING OFF, SUMMARY OFF) ' || query INTO plan;
		RETURN concat_ws(' ', plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks',
			(SELECT string_agg(m[1], ' ' ORDER BY m[1]) FROM regexp_matches(plan::text, '"Rows Removed by \w+": ([1-9]\d*)', 'g') m));
	END $$;
	-- The chance that a try of the one takes longer than one of the other: 0.5 where a clock tells nothing.
	CREATE FUNCTION meter.chance(one text, other text, tries int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
		started timestamptz;
		times float8[] := '{}';
		kinds int[] := '{}';
	BEGIN
		FOR try IN 1 .. 2 * tries LOOP
			started := clock_timestamp();
			EXECUTE CASE try % 2 WHEN 0 THEN one ELSE other END;
			times := times || extract(epoch FROM clock_timestamp() - started)::float8;
			kinds := kinds || try % 2;
		END LOOP;
		RETURN (SELECT round(((sum(rank) FILTER (WHERE kind = 0) - tries * (tries + 1) / 2.0) / tries / tries)::numeric, 3)
			FROM (SELECT kind, rank() OVER (ORDER BY time) + (count(*) OVER (PARTITION BY time) - 1) / 2.0 AS rank FROM unnest(times, kinds) AS t(time, kind)) AS r);
	END $$};
my $invented = 'bbbbbbbb-0000-0000-0000-000000000000';
# Each pair must take the same work. Other reports are computed within a function, before a reader's condition is asked.
my @of_garages = grep { /daily_revenue|daily_visits|hourly_occ|timelines|visits_per_day|dim_garages|dim_passes/ } @for_bi;
my %pairs = (map { my $r = $_; $r => [ map { "SELECT * FROM $r WHERE garage_id = '$_'" } $foreign, $invented ] } @of_garages);
$pairs{'payments on a day'} = [ map { "SELECT * FROM vend_reports.daily_revenue WHERE garage_id = '$foreign' AND payment_count > $_" } 0, 1000 ];
$pairs{'payments without a pass'} = [ map { "SELECT * FROM vend_reports.daily_revenue WHERE garage_id = '$foreign' AND $_ IS NULL" } 'pass_id', 'gross_revenue' ];
$pairs{'a name'} = [ map { "SELECT * FROM vend_marts.dim_garages WHERE garage_name = '$_'" } one('strong', "SELECT name FROM operations.garages WHERE id = '$foreign'"), 'nowhere' ];
sub telling
{
	my ($db, $set) = @_;
	my @telling;
	for my $name (sort keys %pairs)
	{
		# By turns, and the least of each: first everything has to be cached and planned.
		my @work = split /\n/, output($db, 'bi', undef, join ';', $set, map { map { "SELECT meter.work(\$q\$$_\$q\$)" } @{ $pairs{$name} } } 1 .. 8);
		my ($one, $other) = map { my $n = $_; (sort { ($a =~ /^(\d+)/)[0] <=> ($b =~ /^(\d+)/)[0] } @work[ grep { $_ % 2 == $n } 0 .. $#work ])[0] } 0, 1;
		push @telling, "$name ($one / $other)" if $one ne $other;
	}
	return join ', ', @telling;
}
{
	# Not an index only for the one and not for the other: which way is taken follows statistics, as T5d has it.
	my %ways = ('through everything' => 'SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off', 'by an index' => 'SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off');
	my $metered = copy($meter);
	my $as_any = copy($meter . q{; CREATE OR REPLACE FUNCTION vend_internal.scope_of(garage_column text, user_column text DEFAULT NULL) RETURNS text LANGUAGE sql IMMUTABLE AS $$
			SELECT CASE WHEN garage_column IS NULL THEN '(( SELECT vend.current_user_role() AS current_user_role) = ''super_admin''::text)'
				ELSE format('(%I = ANY (( SELECT vend.visible_garages() AS visible_garages)::uuid[]))', garage_column) END $$;
		SELECT vend_internal.execute_as_owner(format('DROP POLICY vend_scope ON %1$s; DROP POLICY vend_allow ON %1$s', p.relation)) FROM vend_internal.protections p WHERE p.rollup IS NOT NULL;
		SELECT vend_internal.execute_as_owner(s) FROM vend_internal.protections p CROSS JOIN LATERAL vend_internal.protection_statements(p.relation, vend_internal.scope_of(p.garage_column)) s WHERE p.rollup IS NOT NULL;
		SELECT vend.attach('operations', timezone => 'Europe/Berlin'); SELECT vend.refresh()});
	for my $way (sort keys %ways)
	{
		is(telling($metered, $ways{$way}), '', "T7: $way it takes the same work to find no rows of a foreign garage and of an invented one");
	}
	like(telling($as_any, $ways{'through everything'}), qr/a name.*payments on a day.*payments without a pass.*daily_revenue/, 'T7: a policy with = ANY tells what rows others have');
	my $tries = int(($ENV{VEND_QUERIES} // 150) / 10);
	for my $db ($metered, $as_any)
	{
		my ($one, $other) = map { my $q = $_; "\$q\$$q\$q\$" } @{ $pairs{'payments on a day'} };
		note(($db eq $metered ? 'T7: with is_visible' : 'T7: with = ANY') . ', the chance that it takes longer where there is such a row, ' . "$tries tries each: "
			. (split /\n/, output($db, 'bi', undef, "$ways{'through everything'}; SELECT meter.chance($one, $other, $tries)"))[-1]);
	}
}
# T5b: what the planner expects of a measure depends on nobody else's.
sub estimates
{
	my ($db) = @_;
	one($db, 'VACUUM FULL ANALYZE vend_internal.stored_daily_revenue');
	return join ' ', map { output($db, 'bi', undef, "EXPLAIN SELECT * FROM vend_reports.daily_revenue WHERE gross_revenue > $_") =~ /rows=(\d+)/g } 1, 50, 500, 5000;
}
my $guess = copy();
my $expected = estimates($guess);
one($guess, qq{UPDATE operations.payments SET amount = amount * 40 WHERE garage_id <> '$own'; SELECT vend.refresh()});
is(estimates($guess), $expected, 'T5b: estimates do not follow foreign measures');
my $statistics = q{SELECT count(*) FROM pg_stats WHERE schemaname IN ('vend_internal', 'vend_staging', 'operations')};
is(output('strong', 'bi', undef, $statistics), '0', 'T5c: no statistics are shown');
cmp_ok(output(copy('GRANT SELECT ON operations.payments TO vend_bi; GRANT USAGE ON SCHEMA operations TO vend_bi'), 'bi', undef, $statistics), '>', 0, 'T5c: of a table without policies they are');

# T5d: what PostgreSQL tells of whole tables is accepted; none of it is of one garage.
for my $counters ('pg_class WHERE reltuples > 0', 'pg_stat_user_tables', 'pg_stat_user_indexes', 'pg_statio_user_tables')
{
	my $counted = output('strong', 'bi', undef, "SELECT * FROM $counters");
	ok($counted =~ /stored_daily_revenue/ && !grep({ index($counted, $_) >= 0 } @garages, map { s/-//gr } @garages), "T5d: $counters is of whole tables");
}

# T6, T10d, T13, T20, T22: what changes or tells more than rows.
my %denied = (
	'T6: the table behind' => "INSERT INTO vend_internal.stored_daily_revenue (garage_id) VALUES ('$own')",
	'T10d: a trigger on a rollup' => 'CREATE TRIGGER spy AFTER INSERT ON vend_internal.stored_daily_revenue FOR EACH ROW EXECUTE FUNCTION workshop.spy()',
	'T13: a temporary table' => 'SELECT * INTO TEMP copied FROM vend_reports.daily_revenue',
	'T13: staging' => 'SELECT * FROM vend_staging.stg_payments',
	'T13: an unscoped mart' => 'SELECT * FROM vend_marts.subscription_periods',
	'T20: what a run was and how an alert was found' => 'SELECT message, details FROM vend_internal.job_runs, vend_internal.alerts',
	'T20: the notes of all' => q{SELECT vend_internal.pending_notes('daily_revenue')},
	'T20: what a scraper is told' => 'SELECT * FROM vend.metrics()',
	'T22: notes' => 'SELECT * FROM vend_internal.notes_daily_revenue_1',
	'T22: notes of single rows' => 'SELECT * FROM vend_internal.lone_notes_payments',
	'T22: the ledger' => 'DELETE FROM vend_internal.ledger',
	'T22: the token of those who see everything' => 'SELECT token FROM vend_internal.bypass',
	'T22: a live function by name' => 'SELECT * FROM vend_internal.rows_daily_revenue(NULL)',
	'T22: mapping oneself' => "SELECT vend.map_login('bi', '$super')",
	'T22: a rollup of its own' => q{SELECT vend.create_rollup('x', 'SELECT 1', '{x}', '{}')},
	'T22: protecting' => q{SELECT vend.unprotect('vend_internal.stored_daily_revenue')},
	'T22: forgetting' => "SELECT vend.forget_user('$customer')",
	'T22: the audit' => 'SELECT * FROM vend.security_audit()',
	'T22: the key of pseudonyms' => 'SELECT key FROM vend_internal.pseudonym_key',
	'T22: pseudonyms to try' => q{SELECT vend.pseudonym('a')});
for my $attack (sort keys %denied)
{
	is(join(' ', map { (attack('strong', $_, $admin, $denied{$attack}))[0] } 'bi', 'builder'), '42501 42501', "$attack is denied");
}
# T20: what is of the whole platform, and how fresh one's own is.
my $counts = join ' UNION ALL ', map { "SELECT '$_', count(*) FROM $_" } grep { $_ ne 'vend.audit_log' } @platform;
for my $case ([ 'app', $admin ], [ 'app', $admin_of_two ], [ 'app', $customer ], [ 'app', undef ], [ 'bi', undef ])
{
	unlike(output('strong', $case->[0], $case->[1], $counts), qr/\|[^0]/, "T20: no jobs, runs or alerts for $case->[0] " . ($case->[1] // ''));
}
unlike(output('strong', 'app', $super, $counts), qr/\|0/, 'T20: and all of them for a super admin');
my $open_views = copy('CREATE OR REPLACE VIEW vend_internal.platform_scope AS SELECT true AS is_visible');
unlike(output($open_views, 'app', $admin, $counts =~ s/ UNION ALL SELECT 'vend_reports.*//r), qr/\|0/, 'T20: without the scope a garage admin sees them, too');
my $waiting = copy(qq{
	UPDATE operations.payments SET amount = amount + 1 WHERE garage_id = '$foreign';
	UPDATE operations.payments SET amount = amount + 1 WHERE id = (SELECT id FROM operations.payments WHERE garage_id = '$own' AND status = 'succeeded' ORDER BY id LIMIT 1);
	UPDATE operations.parked SET exited_at = exited_at + interval '1 minute' WHERE garage_id = '$second'});
my $freshness = q{SELECT string_agg(rollup || ' ' || pending_notes || ' ' || dirty_keys || ' ' || (age IS NOT NULL), ',' ORDER BY rollup) FROM vend.freshness WHERE pending_notes > 0};
is(output($waiting, 'app', $admin, $freshness), 'daily_revenue 1 1 true', 'T20: a garage admin sees what waits of their own');
is(output($waiting, 'bi', undef, $freshness), 'daily_revenue 1 1 true', 'T20: and so does a BI login');
like(output($waiting, 'app', $admin_of_two, $freshness), qr/^daily_revenue 1 1 true,daily_visits \d+ \d+ true$/, 'T20: of two garages of both');
is(output($waiting, 'app', $customer, 'SELECT count(*) FROM vend.freshness') . output($waiting, 'app', undef, 'SELECT count(*) FROM vend.freshness'), '00', 'T20: who has no garage sees no rollup');
like(output($waiting, 'app', $super, $freshness), qr/^daily_revenue (?!1 1 )\d+ \d+ true,daily_visits \d+ \d+ true$/, 'T20: a super admin sees what waits of all');
one($waiting, 'ALTER VIEW vend.freshness SET (security_invoker = false)');
isnt(output($waiting, 'app', $admin, $freshness), 'daily_revenue 1 1 true', 'T20: read with the rights of its owner it shows what waits of others');
# Whoever listens is told a number.
my $heard = q{SET SESSION AUTHORIZATION bi; LISTEN vend_alerts; RESET SESSION AUTHORIZATION; SELECT vend_internal.settle_alerts('job_failed', '{"heard": {"secret": 1}}')};
my $told = one('strong', $heard);
like($told, qr/notification "vend_alerts" with payload "\d+" received/, 'T20: who listens is told the id of an alert');
unlike($told, qr/secret|heard/, 'T20: and nothing else');
one('strong', q{SELECT vend_internal.settle_alerts('job_failed', '{}')});
# Were the schema open, the functions would still keep to the caller's scope, and take no token but the one.
my $usable = copy('GRANT USAGE ON SCHEMA vend_internal TO PUBLIC');
is(output($usable, 'app', $admin, "SELECT string_agg(DISTINCT garage_id::text, ' ') FROM vend_internal.rows_daily_revenue(NULL)"), $own, 'T22: called directly a live function shows own rows');
is(output($usable, 'app', $admin, "SELECT string_agg(DISTINCT garage_id::text, ' ') FROM vend_internal.rows_daily_revenue(gen_random_uuid())"), $own, 'T22: and so it does with a wrong token');
is(output($usable, 'app', $admin, "SELECT count(*) FROM vend_internal.live_daily_revenue(NULL, '$foreign', current_date)"), '0', 'T22: and nothing of a foreign key');
my $of_foreign_garage = "SELECT count(*) > 0 FROM vend_internal.of_daily_revenue(%s, '$foreign', NULL)";
is(output($usable, 'app', $admin, sprintf($of_foreign_garage, $_)), 'f', "T22: nor does the function of one garage, by the token $_") for 'NULL', 'gen_random_uuid()';
is(one($usable, sprintf($of_foreign_garage, '(SELECT token FROM vend_internal.bypass)')), 't', 'T22: by the right token it does');
is((attack($usable, 'app', $admin, "SELECT vend_internal.$_"))[0], '42501', "T22: what reports ask of one garage is nobody's: $_")
	for "noted_of_daily_revenue('$foreign')", "noted_revenue_days('$foreign')", "revenue_by_day('$foreign', '{}', '2020-01-01', '2020-03-30')",
	"other_currencies('$foreign', '{}', '{}', '2020-01-01', '2020-03-30')", "stored_currencies('$foreign')";
is(output($usable, 'app', $admin, 'SELECT count(*) FROM vend_internal.bypass'), '0', 'T22: the token is shown to nobody who is bound');

# T8, T9: copies and views of others.
my $copied = 'CREATE MATERIALIZED VIEW operations.copied AS TABLE vend_internal.exact_daily_revenue';
my $with_copy = copy($copied);
is((attack($with_copy, 'bi', undef, 'SELECT * FROM operations.copied'))[0], '42501', 'T8: a materialized view is denied');
one($with_copy, 'GRANT SELECT ON operations.copied TO vend_bi');
cmp_ok(foreign_in(output($with_copy, 'bi', undef, 'SELECT garage_id FROM operations.copied')), '>', 0, 'T8: granted, it shows everything');
cmp_ok(one($with_copy, q{SELECT count(*) FROM vend.security_audit() WHERE severity = 'error' AND object = 'operations.copied'}), '>', 0, 'T8: which the audit says');
my $own_view = 'CREATE VIEW workshop.mine AS TABLE vend_reports.daily_revenue; GRANT USAGE ON SCHEMA workshop TO PUBLIC; GRANT SELECT ON workshop.mine TO PUBLIC';
my $views = copy();
$node->safe_psql($views, $own_view, extra_params => [ '-U', 'builder' ]);
is(foreign_in(output($views, 'builder', $admin, 'SELECT garage_id FROM workshop.mine')), 0, 'T9: a view of one\'s own shows own rows');
is(foreign_in(output($views, 'bi', undef, 'SELECT garage_id FROM workshop.mine')), 0, 'T9: and to another reader that one\'s');
one($views, q{CREATE FUNCTION operations.of_all() RETURNS TABLE (id uuid) LANGUAGE sql SECURITY DEFINER AS 'SELECT garage_id FROM vend_reports.daily_revenue';
	ALTER FUNCTION operations.of_all() OWNER TO builder});
is(foreign_in(one($views, qq{SELECT * FROM operations.of_all()})), 0, 'T9: a superuser in a function of somebody else is bound as that one');

# T10a: names that an attacker would like to be found first.
my $hijack = copy();
$node->safe_psql($hijack, qq{
	CREATE FUNCTION workshop.visible_garages() RETURNS uuid[] LANGUAGE sql AS \$\$ SELECT '{@{[join ',', @garages]}}'::uuid[] \$\$;
	CREATE TABLE workshop.stg_users AS SELECT '$admin'::uuid AS id, 'super_admin'::text AS role;
	CREATE FUNCTION workshop.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE OPERATOR workshop.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = workshop.always)}, extra_params => [ '-U', 'builder' ]);
is(foreign_in(output($hijack, 'builder', $admin, 'SET LOCAL search_path = workshop, vend_staging, pg_catalog; SELECT garage_id FROM vend_reports.daily_revenue UNION ALL SELECT garage_id FROM vend_reports.mv_active_subscriptions')),
	0, 'T10a: a hostile search_path changes nothing');

# T14, T15, T26, T31: the application's own tables.
my $protected = copy(q{
	CREATE INDEX ON operations.garage_admins (garage_id, user_id);
	CREATE TABLE operations.events (garage_id uuid, at date) PARTITION BY RANGE (at);
	CREATE TABLE operations.events_1 PARTITION OF operations.events DEFAULT;
	CREATE INDEX ON operations.events (garage_id);
	INSERT INTO operations.events SELECT id, now() FROM operations.garages;
	SELECT vend.protect('operations.users', 'id', 'id'), vend.protect('operations.garage_admins', user_column => 'user_id'), vend.protect('operations.payments'), vend.protect('operations.events');
	GRANT SELECT ON operations.users, operations.garage_admins, operations.payments, operations.events TO vend_api, vend_bi});
is(output($protected, 'app', $admin, 'SELECT email FROM operations.users'), 'ada@example.com', 'T14: the table of users may be protected itself');
is(output($protected, 'app', $admin_of_two, 'SELECT count(*) FROM operations.garage_admins'),
	one('strong', "SELECT count(*) FROM operations.garage_admins WHERE user_id = '$admin_of_two' OR garage_id IN ('$own', '$second')"), 'T14: and so may that of admins');
is(foreign_in(output($protected, 'bi', undef, 'SELECT garage_id FROM operations.events')), 0, 'T15: a partitioned table is protected as a whole');
is((attack($protected, 'bi', undef, 'SELECT * FROM operations.events_1'))[0], '42501', 'T15: a partition by itself is denied');
one($protected, 'GRANT SELECT ON operations.events_1 TO vend_bi');
cmp_ok(foreign_in(output($protected, 'bi', undef, 'SELECT garage_id FROM operations.events_1')), '>', 0, 'T15: granted, it shows everything');
my $payments = 'SELECT DISTINCT garage_id FROM operations.payments';
my $revenue = 'SELECT DISTINCT garage_id FROM vend_reports.daily_revenue';
one($protected, 'CREATE POLICY opened ON operations.payments USING (true); CREATE POLICY opened ON vend_internal.stored_daily_revenue USING (true)');
is(output($protected, 'app', $admin, $payments) . output($protected, 'app', $admin, $revenue), $own . $own, 'T31: another policy opens nothing');
# Also not to writers, whom the application's own policy lets in. The weak copy has no row-level security on the table.
my $one_foreign = one($protected, "SELECT id FROM operations.payments WHERE garage_id = '$foreign' ORDER BY id LIMIT 1");
my $columns_of_payment = 'id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at';
sub payment { my ($id, $garage) = @_; return "VALUES ($id, '$garage'::uuid, 4711, 0, 4711, 'succeeded', 'usd', now(), now(), now())"; }
my $copied_payment = join "\t", '99999999-0000-0000-0000-000000000001', $foreign, 4711, 0, 4711, 'succeeded', 'usd', ('2026-01-01') x 3;
my @writes = (
	[ 'INSERT', "INSERT INTO operations.payments ($columns_of_payment) " . payment('gen_random_uuid()', $foreign) ],
	[ 'INSERT ... ON CONFLICT', "INSERT INTO operations.payments ($columns_of_payment) " . payment("'$one_foreign'", $own) . ' ON CONFLICT (id) DO UPDATE SET amount = 4711' ],
	[ 'COPY', "COPY operations.payments ($columns_of_payment) FROM STDIN;\n$copied_payment\n\\.\nSELECT" ],
	[ 'MERGE', "MERGE INTO operations.payments p USING (VALUES ('$one_foreign'::uuid)) AS v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET amount = 4712" ],
	[ 'a MERGE that inserts', "MERGE INTO operations.payments p USING (VALUES (gen_random_uuid())) AS v(id) ON p.id = v.id
		WHEN NOT MATCHED THEN INSERT ($columns_of_payment) " . payment('v.id', $foreign) ],
	[ 'UPDATE', "UPDATE operations.payments SET amount = 4713 WHERE garage_id = '$foreign'" ],
	[ 'an UPDATE of the garage', "UPDATE operations.payments SET garage_id = '$foreign' WHERE garage_id = '$own'" ],
	[ 'DELETE', "DELETE FROM operations.payments WHERE garage_id = '$foreign'" ]);
my $unprotected = copy();
for my $db ($protected, $unprotected)
{
	one($db, 'GRANT SELECT, INSERT, UPDATE, DELETE ON operations.payments TO vend_api');
	attack($db, 'app', $admin, "UPDATE operations.payments SET amount = 4710 WHERE garage_id = '$own'");
	is(one($db, "SELECT count(*) > 0 AND bool_and(amount = 4710) FROM operations.payments WHERE garage_id = '$own'"), 't', "T31: a garage's own rows may be written");
	for my $write (@writes)
	{
		my ($name, $sql) = @$write;
		my $rows = "SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM operations.payments p WHERE garage_id <> '$own'";
		my $before = one($db, $rows);
		my ($state) = attack($db, 'app', $admin, $sql);
		if ($db eq $protected) { is(one($db, $rows), $before, "T31: $name changes no row of another garage ($state)"); }
		else { isnt(one($db, $rows), $before, "T31: without row-level security $name does"); }
	}
}
my $half = copy('DROP POLICY vend_scope ON vend_internal.stored_daily_revenue');
is(output($half, 'app', $admin, $revenue), $own, 'T26: without the restrictive policy the other one holds');
one($half, 'CREATE POLICY opened ON vend_internal.stored_daily_revenue USING (true)');
cmp_ok(foreign_in(output($half, 'app', $admin, $revenue)), '>', 0, 'T31: without it, another one opens everything');
one($protected, q{ALTER EXTENSION vend_analytics DROP FUNCTION vend.visible_garages(); SET client_min_messages = warning; DROP FUNCTION vend.visible_garages() CASCADE; DROP POLICY opened ON vend_internal.stored_daily_revenue});
is(foreign_in(output($protected, 'app', $admin, 'SELECT garage_id FROM vend_internal.stored_daily_revenue') . output($protected, 'app', $admin, $revenue)), 0, 'T26: without the helper nothing is shown');
my $dropped = copy(q{SELECT vend.protect('operations.payments'); GRANT SELECT ON operations.payments TO vend_api; SET client_min_messages = warning; DROP EXTENSION vend_analytics CASCADE});
is(output($dropped, 'app', undef, $payments), '', 'T26: without the extension a protected table shows nothing');

# T16: ways around.
is(foreign_in(output('strong', 'bi', undef, 'COPY (SELECT * FROM vend_reports.daily_revenue) TO STDOUT')), 0, 'T16: COPY shows own rows');
is((attack('strong', 'bi', undef, 'SET LOCAL row_security = off; SELECT * FROM vend_reports.daily_revenue'))[0], '42501', 'T16: row_security = off is an error');
$node->command_fails([ 'pg_dump', '-U', 'bi', '-t', 'vend_internal.stored_daily_revenue', $node->connstr('strong') ], 'T16: pg_dump is an error');
my $published = copy('CREATE PUBLICATION all_of_it FOR ALL TABLES');
cmp_ok(one($published, q{SELECT count(*) FROM vend.security_audit() WHERE severity = 'error' AND finding = 'is in the publication all_of_it'}), '>', 0, 'T17: the audit finds a publication');

# T18, T19.
is(output('strong', 'app', $admin, 'SELECT count(*) FROM vend_reports.payment_currencies'), '0', 'T18: of the whole platform a garage admin sees nothing');
cmp_ok(output('strong', 'app', $super, 'SELECT count(*) FROM vend_reports.payment_currencies'), '>', 0, 'T18: and a super admin everything');
my $periods = "SELECT DISTINCT garage_id FROM vend_marts.fact_subscription_periods WHERE user_id = '$customer'";
is(output('strong', 'app', $admin, $periods), $own, 'T19: of a customer of two garages an admin sees one part');
is(output('strong', 'app', $admin, "SELECT garage_id FROM vend_reports.mv_failed_payments WHERE user_id = '$customer'"), $own, 'T19: also among failed payments');
one('strong', qq{INSERT INTO operations.payments (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
	SELECT gen_random_uuid(), id, garage_id, 77, 3, 74, 'succeeded', 'usd', now(), now(), now() FROM operations.subscriptions WHERE user_id = '$customer';
	INSERT INTO operations.parked (id, garage_id, user_id, entered_at, exited_at, created_at)
	SELECT gen_random_uuid(), garage_id, user_id, now(), now(), now() FROM operations.subscriptions WHERE user_id = '$customer'});
is(output('strong', 'app', $admin, "SELECT DISTINCT garage_id FROM vend_marts.$_ WHERE user_id = '$customer'"), $own, "T19: also in $_") for qw(fact_subscriptions fact_payments fact_parking_events);
is(foreign_in(output($weak, 'app', $admin, $revenue)), $#garages, 'T19: an unscoped view shows all parts');

# T21
$node->safe_psql('postgres', 'CREATE DATABASE taken');
one('taken', 'CREATE ROLE squatter; CREATE SCHEMA vend AUTHORIZATION squatter');
is((attack('taken', 'postgres', undef, 'CREATE EXTENSION vend_analytics'))[0], '42P06', 'T21: a schema of ours that is there already is refused');
one('taken', 'DROP SCHEMA vend; CREATE EXTENSION vend_analytics; CREATE SCHEMA vend_reports AUTHORIZATION squatter');
is((attack('taken', 'postgres', undef, q{SELECT vend.create_demo('o', garages => 1, customers_per_garage => 2, months => 1); SELECT * FROM vend.attach('o')}))[0], '42P06', 'T21: and so is one of what is generated');
one('taken', 'DROP EXTENSION vend_analytics CASCADE; GRANT vend_owner TO squatter');
is((attack('taken', 'postgres', undef, 'CREATE EXTENSION vend_analytics'))[0], '42710', 'T21: and an owner with members');
one('taken', 'REVOKE vend_owner FROM squatter');

# T24
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('strong') ], 'T24: a dump is made');
my $dumped = slurp_file($dump);
my $secrets = one('strong', q{SELECT encode(key, 'hex') || '|' || token FROM vend_internal.pseudonym_key, vend_internal.bypass});
unlike($dumped, qr/$secrets/, 'T24: without the key or the token');
like($dumped, qr/$customer/, 'T24: and with what was looked for elsewhere');

# T32
for my $hostile (q{SELECT vend.flatten_hourly(repeat('[', 100000)::jsonb)}, q{SELECT vend.flatten_hourly((SELECT jsonb_agg(n) FROM generate_series(1, 1000000) n))},
	q{SELECT '\xffffffffffffffff'::vend.timeline}, q{SELECT vend.local_day(now(), repeat('x', 1000000))})
{
	my ($code) = attack('strong', 'bi', undef, $hostile);
	ok($code && $code ne 'XX000', 'T32: hostile input is an error with a code of its own: ' . substr($hostile, 7, 40));
}
is(output('strong', 'bi', undef, 'SELECT 1'), '1', 'T32: and the server is up');

# Non-interference: random queries are asked, rows of other garages changed, and the same queries asked again, in one transaction, as
# the clock stands still in it. Rows and errors must be the same.
my $queries = $ENV{VEND_QUERIES} // 150;
my $seed = $ENV{VEND_SEED} // int(rand(1e9));
srand($seed);
note("seed $seed, $queries queries");
sub pick { return $_[ int(rand(@_)) ]; }
my %columns;
for (split /\n/, one('strong', q{SELECT a.attrelid::regclass, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace::regnamespace::text IN ('vend', 'vend_reports', 'vend_marts') AND a.attnum > 0 ORDER BY 1, a.attnum}))
{
	my ($relation, $column, $type) = split /\|/;
	push @{ $columns{$relation} }, [ $column, $type ];
}
sub predicate
{
	my ($alias, $relation) = @_;
	my ($column, $type) = @{ pick(@{ $columns{$relation} }) };
	my $value = "$alias.$column";
	return "$value = '" . pick(@garages) . "'" if $type eq 'uuid' && rand() < 0.7;
	return pick("$value > " . pick(0, 1, 10, 100), "$value * 2 < 500", "1000 / ($value - " . pick(0 .. 3) . ') > 1') if $type =~ /numeric|int/;
	return "$value > current_date - " . pick(1, 10, 40, 100) if $type eq 'date';
	return pick("length(${value}::text) > " . pick(3, 5, 36), "$value IS NOT NULL", "md5(${value}::text) < '8'", "${value}::text::int > 3");
}
my @asked_of;
sub from_one
{
	my ($alias) = @_;
	my $relation = pick(@asked_of);
	return ($relation, "$relation AS $alias");
}
sub query
{
	my ($relation, $from) = from_one('a');
	my @names = map { $_->[0] } @{ $columns{$relation} };
	my ($one, $two) = map { 'a.' . pick(@names) } 1, 2;
	my $where = predicate('a', $relation);
	my ($other, $joined) = from_one('b');
	my $condition = predicate('b', $other);
	my $linked = (grep { $_ eq 'garage_id' } @names) && (grep { $_->[0] eq 'garage_id' } @{ $columns{$other} }) ? 'a.garage_id = b.garage_id' : 'true';
	return pick(
		"SELECT a.* FROM $from WHERE $where",
		"SELECT a.* FROM $from WHERE NOT coalesce($where, false)",
		"SELECT $one, count(*), min(${two}::text) FROM $from WHERE $where GROUP BY 1",
		"SELECT count(*), count(DISTINCT $one), max(${two}::text) FROM $from",
		"SELECT $one, rank() OVER (PARTITION BY $two ORDER BY $one) FROM $from WHERE $where",
		"SELECT a.* FROM $from WHERE EXISTS (SELECT FROM $joined WHERE $linked AND $condition)",
		"SELECT $one, (SELECT count(*) FROM $joined WHERE $condition) FROM $from WHERE $where",
		"SELECT count(*) FROM $from LEFT JOIN $joined ON $linked AND $condition WHERE $where",
		"WITH w AS MATERIALIZED (SELECT a.* FROM $from) SELECT count(*) FROM w AS a WHERE $where",
		"SELECT ${one}::text FROM $from WHERE $where UNION SELECT count(*)::text FROM $joined",
		"SELECT l.* FROM $from CROSS JOIN LATERAL (SELECT $one AS x, $two AS y) AS l WHERE $where");
}
my $harness = q{
	CREATE SCHEMA fuzz;
	GRANT USAGE ON SCHEMA fuzz TO PUBLIC;
	CREATE TABLE fuzz.queries (n serial PRIMARY KEY, query text);
	-- Of an error the code; its message may show whichever row came first.
	CREATE FUNCTION fuzz.ask(queries text[], OUT answers text[], OUT plans text[]) LANGUAGE plpgsql AS $$
	DECLARE
		query text;
		line text;
		answer text;
		plan text;
	BEGIN
		FOREACH query IN ARRAY queries LOOP
			plan := '';
			BEGIN
				FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
					plan := md5(plan || line);
				END LOOP;
				EXECUTE format('SELECT count(*) || md5(coalesce(string_agg(q::text, E''\n'' ORDER BY q::text), '''')) FROM (%s) AS q', query) INTO answer;
			EXCEPTION WHEN OTHERS THEN
				answer := SQLSTATE;
			END;
			answers := answers || answer;
			plans := plans || plan;
		END LOOP;
	END $$;
	-- What a user sees stays, whatever happens to all the others: while notes wait, also such that the views do not follow themselves,
	-- and after a refresh.
	CREATE FUNCTION fuzz.change(own uuid[], way text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		copied record;
	BEGIN
		UPDATE operations.garages SET name = name || '!' WHERE id <> ALL (own);
		IF way <> 'notes' THEN
			UPDATE operations.garages SET capacity = capacity + 1, timezone = 'Asia/Tokyo' WHERE id <> ALL (own);
			PERFORM vend.set_platform_fee(33, now() - interval '9 days', g.id) FROM operations.garages g WHERE g.id <> ALL (own);
		END IF;
		UPDATE operations.passes SET monthly_amount = monthly_amount + 1, name = 'other' WHERE garage_id <> ALL (own);
		UPDATE operations.payments SET amount = amount * 3, status = CASE WHEN id::text < '8' THEN 'refunded' ELSE status::text END::operations.payment_status WHERE garage_id <> ALL (own);
		INSERT INTO operations.payments SELECT gen_random_uuid(), NULL, NULL, garage_id, amount, stripe_fee, net_amount, status, 'chf', payment_date - interval '1 day', created_at, updated_at
		FROM operations.payments WHERE garage_id <> ALL (own);
		DELETE FROM operations.payments WHERE garage_id <> ALL (own) AND id::text > 'c';
		INSERT INTO operations.parked SELECT gen_random_uuid(), garage_id, user_id, pass_id, vehicle_plate, entered_at - interval '1 hour', exited_at, created_at
		FROM operations.parked WHERE garage_id <> ALL (own);
		DELETE FROM operations.parked WHERE garage_id <> ALL (own) AND id::text > 'c';
		UPDATE operations.parked SET vehicle_plate = 'other' WHERE garage_id <> ALL (own);
		UPDATE operations.garage_daily_occupancy SET hourly_occupancy = to_jsonb(array_fill(77, '{24}'::int[])) WHERE garage_id <> ALL (own);
		INSERT INTO operations.garage_daily_occupancy SELECT gen_random_uuid(), garage_id, day - interval '1 year', hourly_occupancy, created_at
		FROM operations.garage_daily_occupancy WHERE garage_id <> ALL (own) AND id::text < '4';
		DELETE FROM operations.garage_daily_occupancy WHERE garage_id <> ALL (own) AND id::text > 'c';
		UPDATE operations.subscriptions SET monthly_amount = monthly_amount + 5, status = 'canceled', canceled_at = now(), updated_at = now() WHERE garage_id <> ALL (own);
		UPDATE operations.users SET first_name = 'Somebody', email = id || '@else.where' WHERE id NOT IN (
			SELECT user_id FROM operations.subscriptions WHERE garage_id = ANY (own) UNION SELECT user_id FROM operations.parked WHERE garage_id = ANY (own) AND user_id IS NOT NULL)
			AND role = 'user' AND id <> coalesce(vend.current_user_id(), gen_random_uuid());
		INSERT INTO vend_internal.alerts (rule, subject, details) SELECT 'revenue_outlier', g.id || ' too', '{}' FROM operations.garages g WHERE g.id <> ALL (own);
		INSERT INTO vend_internal.job_runs (job, task, started_at, finished_at, status) SELECT 'visits', 'refresh', now(), now(), 'succeeded' FROM operations.garages g WHERE g.id <> ALL (own);
		IF way = 'refresh' THEN
			PERFORM vend.refresh();
		END IF;
		FOR copied IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relkind = 'm' LOOP
			EXECUTE format('REFRESH MATERIALIZED VIEW %s', copied.name);
		END LOOP;
	END $$};
# Asks, changes what is of others, and asks again: how many answers differ, how many are errors, how many more are an error by one plan
# and none by another, and a query with both answers. Which plan is taken depends on how large tables are, and one may ask a
# condition of the reader's own rows (1000 / exits > 1) that another need not ask.
sub twice
{
	my ($db, $role, $user, $sees, $way, @asked) = @_;
	my $list = join ',', map { my $q = $_; '$query$' . $q . '$query$' } @asked;
	my $set = $user ? "PERFORM set_config('app.current_user_id', '$user', true);" : '';
	my $answer = one($db, qq{
		BEGIN;
		CREATE TEMP TABLE answers (n int, query text, before text, after text, is_other_plan boolean) ON COMMIT DROP;
		DO \$do\$
		DECLARE
			queries text[] := ARRAY[$list];
			before text[];
			after text[];
			plans_before text[];
			plans_after text[];
		BEGIN
			$set
			PERFORM set_config('role', '$role', true);
			SELECT * INTO before, plans_before FROM fuzz.ask(queries);
			PERFORM set_config('role', 'none', true);
			PERFORM fuzz.change('$sees', '$way');
			PERFORM set_config('role', '$role', true);
			SELECT * INTO after, plans_after FROM fuzz.ask(queries);
			PERFORM set_config('role', 'none', true);
			INSERT INTO answers SELECT u.n, u.query, u.before, u.after, u.plan_before <> u.plan_after AND 5 IN (length(u.before), length(u.after))
			FROM unnest(queries, before, after, plans_before, plans_after) WITH ORDINALITY AS u(query, before, after, plan_before, plan_after, n);
		END \$do\$;
		SELECT count(*) FILTER (WHERE NOT is_other_plan), (SELECT count(*) FROM answers WHERE length(before) = 5), count(*) FILTER (WHERE is_other_plan),
			(array_agg(format('%s: %s, then %s', query, before, after) ORDER BY is_other_plan))[1]
		FROM answers WHERE before <> after;
		ROLLBACK;});
	return split /\|/, $answer, 4;
}
sub interference
{
	my ($db, $number, @relations) = @_;
	my @all = @relations ? @relations : @for_api;
	one($db, $harness);
	my @kinds = ([ '', '{}' ], [ $customer, '{}' ], [ $admin, "{$own}" ], [ $admin_of_two, "{$own,$second}" ], [ $admin, "{$own}" ]);
	# Of each user a few, and then of all of them again: each time other rows are changed, and in another way.
	my @ways = ('notes', 'other notes', "@all" eq 'vend.freshness' ? () : 'refresh');
	my $batch = int($number / ($number < 1000 ? 5 : 25));
	my ($differing, $errors, $asked, $by_plan, $turn) = (0, 0, 0, 0, int(rand(@ways)));
	while ($asked < $number)
	{
		for my $kind (0 .. $#kinds)
		{
			my ($user, $sees) = @{ $kinds[$kind] };
			my $role = $kind == $#kinds ? 'vend_bi' : 'app';
			my $way = $ways[ ($turn + $kind) % @ways ];
			# A refresh does change how fresh one's own is.
			@asked_of = grep { ($_ ne 'vend.freshness' || $way ne 'refresh') && ($role eq 'app' || !/audit_log|dim_users|fact_/) } @all;
			next if !@asked_of;
			my @asked = map { query() } 1 .. $batch;
			$asked += @asked;
			my ($differ, $failed, $planned, $example) = twice($db, $role, $user, $sees, $way, @asked);
			note("$role " . ($user || 'nobody') . ", $way: $example") if $differ + $planned && !@relations;
			$differing += $differ;
			$errors += $failed;
			$by_plan += $planned;
		}
		$turn++;
	}
	note("$asked queries, $errors of them errors, $differing differ, $by_plan more are an error by one plan only");
	# More than a few of these would be a way to hide among them.
	return $differing + ($by_plan > 1 + $asked / 1000 ? $by_plan : 0);
}
# T18: of what compares with others nothing is left to compute: no number that a garage admin is shown moves with theirs.
my @whole = map { "SELECT * FROM $_" } @for_api;
my $compared = q{CREATE VIEW vend_reports.compared AS SELECT r.* FROM (SELECT garage_id, sum(gross_revenue) AS own, avg(sum(gross_revenue)) OVER () AS average
	FROM vend_internal.exact_daily_revenue GROUP BY 1) AS r WHERE garage_id = ANY ((SELECT vend.visible_garages())::uuid[]);
	ALTER VIEW vend_reports.compared OWNER TO vend_owner; GRANT SELECT ON vend_reports.compared TO vend_api, vend_bi};
my $comparing = copy($compared);
one($comparing, $harness);
is((twice($comparing, 'app', $admin, "{$own}", 'other notes', @whole))[0], 0, 'T18: no relation compares with other garages');
is((twice($comparing, 'app', $admin, "{$own}", 'refresh', grep { !/vend.freshness/ } @whole))[0], 0, 'T18: nor does one after a refresh');
is((twice($comparing, 'app', $admin, "{$own}", 'notes', 'SELECT 2 * average - own FROM vend_reports.compared'))[0], 1, 'T18: an average over all garages gives another one away');

is(interference(copy(), $queries), 0, "non-interference: rows of others change no answer (seed $seed)");
my %mutants = (
	'how fresh all garages are' => [ 'ALTER VIEW vend.freshness SET (security_invoker = false)', 'vend.freshness' ],
	'jobs for every admin' => [ q{CREATE OR REPLACE VIEW vend_internal.platform_scope AS SELECT vend.current_user_role() LIKE '%admin' AS is_visible}, 'vend.job_runs' ],
	'the name of another garage\'s pass' => [ q{DO $$ BEGIN
		EXECUTE 'CREATE OR REPLACE VIEW vend_marts.subscriptions AS ' || replace(pg_get_viewdef('vend_marts.subscriptions'::regclass), ' AND (p.garage_id = s.garage_id)', '');
		END $$}, 'vend_marts.fact_subscriptions' ],
	'a plain view' => [ $plain_view, 'vend_reports.daily_revenue' ],
	'a granted materialized view' => [ q{CREATE MATERIALIZED VIEW vend_reports.copied AS TABLE vend_internal.exact_daily_revenue;
		ALTER MATERIALIZED VIEW vend_reports.copied OWNER TO vend_owner; GRANT SELECT ON vend_reports.copied TO vend_api, vend_bi}, 'vend_reports.copied' ],
	'a policy with a way round' => [ q{ALTER POLICY vend_scope ON vend_internal.stored_daily_revenue USING (garage_id = ANY ((SELECT vend.visible_garages())::uuid[]) OR (SELECT vend.current_user_role()) LIKE '%admin');
		ALTER POLICY vend_allow ON vend_internal.stored_daily_revenue USING (garage_id = ANY ((SELECT vend.visible_garages())::uuid[]) OR (SELECT vend.current_user_role()) LIKE '%admin')}, 'vend_reports.daily_revenue' ]);
$columns{'vend_reports.copied'} = $columns{'vend_reports.daily_revenue'};
for my $mutant (sort keys %mutants)
{
	my ($weakness, $relation) = @{ $mutants{$mutant} };
	cmp_ok(interference(copy($weakness), 50, $relation), '>', 0, "non-interference: $mutant is caught");
}

$node->stop;
done_testing();
