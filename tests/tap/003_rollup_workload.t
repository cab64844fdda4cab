# Rollups under a random workload: exact in every snapshot while sessions write and refresh, while backends are killed and
# the server stops at once; and a refresh that deletes its notes in a transaction of its own is found out.
# VEND_SEED repeats the choices of a run (not their timing), VEND_ROUNDS and VEND_SECONDS (of a round) make it longer.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{VEND_SEED} // time() % 1_000_000;
my $rounds = $ENV{VEND_ROUNDS} // 7;
my $seconds = $ENV{VEND_SECONDS} // 8;
srand($seed);
diag "VEND_SEED=$seed VEND_ROUNDS=$rounds VEND_SECONDS=$seconds";

my $node = PostgreSQL::Test::Cluster->new('workload');
$node->init;
# Vacuum comes often, so that the places of deleted notes are soon used again.
$node->append_conf('postgresql.conf', q{
log_statement = none
log_line_prefix = '%e %p '
restart_after_crash = on
autovacuum_naptime = 1s
autovacuum_vacuum_threshold = 10
deadlock_timeout = 100ms
});
$node->start;

my @rollups = ('customer_regions', 'daily_revenue', 'daily_visits', 'hourly_occupancy', 'subscription_timelines', 'visit_kinds');

# What is wrong with each rollup: rows of one side that the other lacks, where the condition holds.
sub differences
{
	my ($side, $condition, @names) = @_;
	return join(' UNION ALL ', map {
		"(WITH shown AS MATERIALIZED (SELECT * FROM $side$_ WHERE $condition),
			asked AS MATERIALIZED (SELECT * FROM vend_internal.query_$_ WHERE $condition)
		SELECT '$_' AS rollup, count(*) AS rows, min(d::text) AS example
		FROM ((TABLE shown EXCEPT ALL TABLE asked) UNION ALL (TABLE asked EXCEPT ALL TABLE shown)) AS d)"
	} @names);
}

$node->safe_psql('postgres', 'CREATE DATABASE platform');
$node->safe_psql('platform', q{
	ALTER DATABASE platform SET jit = off;
	CREATE EXTENSION vend_analytics;
	SELECT vend.create_demo('operations', garages => 4, customers_per_garage => 8, months => 4, as_of => '2026-06-30');
	SELECT vend.attach('operations');

	CREATE SCHEMA shop;
	CREATE TABLE shop.customers (id int PRIMARY KEY, region text, name text);
	CREATE TABLE shop.orders (id int PRIMARY KEY, customer int, amount numeric, note text);
	CREATE TABLE shop.visits (garage_id uuid, at timestamp, kind text, n int) PARTITION BY RANGE (at);
	CREATE TABLE shop.visits_1 PARTITION OF shop.visits FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
	CREATE TABLE shop.visits_2 PARTITION OF shop.visits FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
	CREATE TABLE shop.visits_rest PARTITION OF shop.visits DEFAULT;
	CREATE INDEX ON shop.visits (garage_id, kind);

	-- What the scripts of the load are made of. A row is found by any number: the next one by its key.
	CREATE SCHEMA load;
	CREATE FUNCTION load.id(n int) RETURNS uuid IMMUTABLE LANGUAGE sql RETURN md5(n::text)::uuid;
	CREATE TABLE load.garages AS SELECT row_number() OVER (ORDER BY id) AS n, id FROM operations.garages;
	CREATE FUNCTION load.garage(n int) RETURNS uuid STABLE LANGUAGE sql RETURN (SELECT id FROM load.garages g WHERE g.n = $1 % 4 + 1);
	-- Repeatable read that has inserted a row anew which another transaction deleted sees both.
	CREATE FUNCTION load.payments(n int, many int) RETURNS SETOF uuid STABLE LANGUAGE sql
		BEGIN ATOMIC SELECT DISTINCT id FROM operations.payments WHERE id >= load.id(n) ORDER BY id LIMIT many; END;
	CREATE FUNCTION load.subscription(n int) RETURNS uuid STABLE LANGUAGE sql
		RETURN (SELECT id FROM operations.subscriptions WHERE id >= load.id(n) ORDER BY id LIMIT 1);
	CREATE FUNCTION load.moment(n int) RETURNS timestamp IMMUTABLE LANGUAGE sql RETURN '2026-03-20'::timestamp + n % 900 * interval '61 minutes';
	-- Locked, lest the subscription is deleted before it is referred to.
	CREATE FUNCTION load.new_payments(n int, many int) RETURNS SETOF operations.payments LANGUAGE sql BEGIN ATOMIC
		SELECT gen_random_uuid(), NULL::varchar, CASE WHEN i % 5 > 0 THEN s.id END, s.garage_id, n % 90 + i, i % 2, n % 90 + i - i % 2,
			(enum_range(NULL::operations.payment_status))[1 + (n + i) % 4], CASE n % 3 WHEN 0 THEN 'usd' ELSE 'eur' END,
			load.moment(n + i), load.moment(n), load.moment(n + i * 25)
		FROM (SELECT * FROM operations.subscriptions WHERE id = load.subscription(n) FOR KEY SHARE) AS s
		CROSS JOIN generate_series(1, many) AS i;
	END;
	CREATE FUNCTION load.new_visits(n int, many int) RETURNS SETOF shop.visits LANGUAGE sql BEGIN ATOMIC
		SELECT load.garage(i), load.moment(n + i * 7), CASE WHEN i % 9 > 0 THEN 'kind ' || i % (many / 60 + 3) END, i FROM generate_series(1, many) AS i;
	END;
	INSERT INTO shop.customers SELECT i, CASE WHEN i % 5 > 0 THEN 'r' || i % 3 END, 'c' || i FROM generate_series(1, 20) AS i;
	INSERT INTO shop.orders SELECT i, i % 22, i, 'x' FROM generate_series(1, 300) AS i;
	INSERT INTO shop.visits SELECT * FROM load.new_visits(1, 400);

	SELECT vend.create_rollup('customer_regions',
		'SELECT c.region, count(*) AS orders, sum(o.amount) AS amount FROM shop.orders o JOIN shop.customers c ON c.id = o.customer GROUP BY c.region',
		'{region}', '{"shop.orders": "SELECT c.region FROM changed o JOIN shop.customers c ON c.id = o.customer", "shop.customers": ["region"]}',
		tenant_column => NULL);
	SELECT vend.create_rollup('visit_kinds',
		'SELECT garage_id, at::date AS day, kind, count(*) AS visits, sum(n) AS n FROM shop.visits GROUP BY 1, 2, 3',
		'{garage_id, day, kind}', '{"shop.visits": ["garage_id", "at::date", "kind"]}');
	CREATE TABLE load.rollups AS SELECT row_number() OVER (ORDER BY rollup) AS n, rollup FROM vend.rollups;
	SELECT vend.refresh();
	ANALYZE;
});
my %view = (
	wrong => differences('vend_reports.', 'true', @rollups),
	wrong_stored => differences('vend_internal.stored_', 'true', @rollups));
$node->safe_psql('platform', "CREATE VIEW load.$_ AS $view{$_}") for sort keys %view;
my $of_garage = differences('vend_reports.', 'garage_id = garage', 'daily_revenue', 'visit_kinds');
# Each compares in one statement, hence in one snapshot.
$node->safe_psql('platform', qq{
	CREATE FUNCTION load.complain(what text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		IF what <> '' THEN
			RAISE EXCEPTION '%', what USING ERRCODE = 'VEND1';
		END IF;
	END \$\$;
	CREATE FUNCTION load.check_rollups() RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM load.complain((SELECT string_agg(format('%s rows of %s differ, as %s', rows, rollup, example), ', ') FROM load.wrong WHERE rows > 0));
	END \$\$;
	CREATE FUNCTION load.check_garage(garage uuid) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM load.complain((SELECT string_agg(format('%s rows of %s differ in a garage, as %s', rows, rollup, example), ', ') FROM ($of_garage) AS w WHERE rows > 0));
	END \$\$;
	CREATE FUNCTION load.check_stored() RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM load.complain((SELECT string_agg(format('%s key of %s is wrong', keys_wrong, rollup), ', ') FROM vend.verify() WHERE keys_wrong > 0));
	END \$\$;
});
is($node->safe_psql('platform', q{SELECT string_agg(rollup, ' ' ORDER BY rollup) FROM vend.freshness WHERE is_built AND pending_notes = 0}),
	"@rollups", 'six rollups are built');

# What a transaction does, and how often. Its numbers are other ones each time.
my %write = (
	insert => [ 16, 'INSERT INTO operations.payments SELECT * FROM load.new_payments(:n, :few);' ],
	update => [ 16, 'UPDATE operations.payments SET amount = amount + 1, net_amount = net_amount + 1 WHERE id IN (SELECT load.payments(:n, :few));' ],
	status => [ 12, q{UPDATE operations.payments SET status = CASE status WHEN 'succeeded' THEN 'refunded' ELSE 'succeeded' END::operations.payment_status,
		updated_at = load.moment(:m) WHERE id IN (SELECT load.payments(:n, :few));} ],
	move => [ 10, q{UPDATE operations.payments p SET garage_id = load.garage(:m), subscription_id = NULL, payment_date = load.moment(:m),
		currency = 'eur' WHERE id IN (SELECT load.payments(:n, :few));} ],
	delete => [ 16, 'DELETE FROM operations.payments WHERE id IN (SELECT load.payments(:n, :few));' ],
	upsert => [ 8, 'INSERT INTO operations.payments SELECT id, NULL, NULL, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at
		FROM operations.payments WHERE id IN (SELECT load.payments(:n, :few))
		ON CONFLICT (id) DO UPDATE SET amount = operations.payments.amount + 2, currency = excluded.currency;' ],
	merge => [ 8, 'MERGE INTO operations.payments p USING load.payments(:n, :few) AS v(id) ON p.id = v.id
		WHEN MATCHED AND p.amount > 60 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = p.amount + 10, payment_date = load.moment(:m);' ],
	subscribe => [ 6, q{INSERT INTO operations.subscriptions SELECT gen_random_uuid(), NULL, user_id, garage_id, pass_id, stripe_price_id, 'active',
		load.moment(:m), load.moment(:m) + interval '1 month', false, NULL, :few + 10, NULL, NULL, NULL, load.moment(:m), load.moment(:m)
		FROM operations.subscriptions WHERE id = load.subscription(:n);} ],
	change => [ 12, q{UPDATE operations.subscriptions SET status = CASE :few % 3 WHEN 0 THEN 'active' WHEN 1 THEN 'past_due' ELSE 'canceled' END::operations.subscription_status,
		monthly_amount = :few + 20, pass_id = (SELECT id FROM operations.passes ORDER BY id OFFSET :m % 10 LIMIT 1),
		updated_at = load.moment(:m) WHERE id = load.subscription(:n);} ],
	parked => [ 6, q{INSERT INTO operations.parked SELECT gen_random_uuid(), load.garage(:n), NULL, NULL, 'P' || :m % 9, load.moment(:n), CASE WHEN :m % 3 > 0 THEN load.moment(:n) + :few * interval '9 hours' END, load.moment(:n);} ],
	left_at => [ 6, q{UPDATE operations.parked SET exited_at = CASE WHEN exited_at IS NULL THEN entered_at + :few * interval '7 hours' END, vehicle_plate = 'P' || :m % 9
		WHERE id IN (SELECT id FROM operations.parked WHERE id >= load.id(:n) ORDER BY id LIMIT :few);} ],
	unparked => [ 4, 'DELETE FROM operations.parked WHERE id IN (SELECT id FROM operations.parked WHERE id >= load.id(:n) ORDER BY id LIMIT :few);' ],
	reading => [ 4, q{UPDATE operations.garage_daily_occupancy SET hourly_occupancy = jsonb_set(hourly_occupancy, '{0}', to_jsonb(:m % 50)), garage_id = load.garage(:m)
		WHERE id IN (SELECT id FROM operations.garage_daily_occupancy WHERE id >= load.id(:n) ORDER BY id LIMIT :few);} ],
	timezone => [ 1, q{UPDATE operations.garages SET timezone = (ARRAY['Europe/Lisbon', 'America/Los_Angeles', 'Asia/Tokyo', 'UTC', 'Asia/Kathmandu'])[1 + :m % 5] WHERE id = load.garage(:n);} ],
	fee => [ 1, q{SELECT vend.set_platform_fee(:m % 30, load.moment(:n % 7 * 400) AT TIME ZONE 'UTC', CASE WHEN :m % 2 = 0 THEN load.garage(:n) END) WHERE current_setting('transaction_isolation') = 'read committed';} ],
	orders => [ 10, q{INSERT INTO shop.orders SELECT i, :m % 22, :few, 'new' FROM generate_series(:n % 600, :n % 600 + :few) AS i ON CONFLICT (id) DO UPDATE SET customer = excluded.customer;} ],
	fewer_orders => [ 6, 'DELETE FROM shop.orders WHERE id BETWEEN :n % 600 AND :n % 600 + :few;' ],
	moved_orders => [ 6, 'WITH gone AS (DELETE FROM shop.orders WHERE id = :n % 600 RETURNING *) INSERT INTO shop.orders SELECT id + 1000000 + :n, customer, amount + 1 FROM gone
		ON CONFLICT DO NOTHING;
		DELETE FROM shop.orders WHERE id > 1000000 AND id % 3 = 0;' ],
	customers => [ 8, q{UPDATE shop.customers SET region = CASE WHEN :m % 4 > 0 THEN 'r' || :m % 4 END WHERE id % 20 BETWEEN :n % 20 AND :n % 20 + 1;} ],
	names => [ 2, q{UPDATE shop.customers SET name = 'n' || :n WHERE id % 5 = :m % 5;} ],
	merged_customers => [ 6, q{MERGE INTO shop.customers c USING (SELECT :n % 22 AS id) AS v ON c.id = v.id
		WHEN MATCHED AND :m % 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET region = 'r' || :few % 5;
		INSERT INTO shop.customers VALUES (:m % 22, 'r1', 'again') ON CONFLICT DO NOTHING;} ],
	visits => [ 10, 'INSERT INTO shop.visits SELECT * FROM load.new_visits(:n, 3 * :few);' ],
	moved_visits => [ 8, 'UPDATE shop.visits SET at = load.moment(:m), garage_id = load.garage(:m) WHERE garage_id = load.garage(:n) AND at BETWEEN load.moment(:n) AND load.moment(:n) + :few * interval \'1 hour\';' ],
	kinds => [ 6, q{UPDATE shop.visits SET kind = CASE WHEN kind IS NULL THEN 'kind 1' END WHERE garage_id = load.garage(:n) AND at BETWEEN load.moment(:n) AND load.moment(:n) + interval '3 hours';} ],
	fewer_visits => [ 8, q{DELETE FROM shop.visits WHERE garage_id = load.garage(:n) AND at BETWEEN load.moment(:n) AND load.moment(:n) + :few * interval '1 hour';} ],
	replicated => [ 6, q{SET LOCAL session_replication_role = replica;
		UPDATE shop.orders SET amount = amount + 1, customer = :m % 22 WHERE id = :n % 600;
		DELETE FROM shop.visits WHERE garage_id = load.garage(:n) AND at = load.moment(:n);
		INSERT INTO shop.visits SELECT * FROM load.new_visits(:m, 2);
		SET LOCAL session_replication_role = origin;} ]);

# What has no place in a longer transaction: two of them would often wait for each other.
my %alone = (
	# The lock holds off who would pay meanwhile.
	unsubscribe => [ 4, q{WITH s AS (SELECT id FROM operations.subscriptions WHERE id = load.subscription(:n) AND :m % 2 = 0 FOR UPDATE)
			SELECT coalesce((SELECT id FROM s), load.id(0)) AS subscription \gset
		UPDATE operations.payments SET subscription_id = NULL WHERE subscription_id = ':subscription';
		DELETE FROM operations.subscriptions WHERE id = ':subscription';} ],
	# So many keys that they are computed as a whole.
	all_visits => [ 1, 'UPDATE shop.visits SET n = n + 1;' ],
	many_visits => [ 1, 'INSERT INTO shop.visits SELECT * FROM load.new_visits(:n, 1500);' ],
	repartition => [ 1, q{ALTER TABLE shop.visits DETACH PARTITION shop.visits_2;
		UPDATE shop.visits_2 SET n = n + 1 WHERE garage_id = load.garage(:n);
		ALTER TABLE shop.visits ATTACH PARTITION shop.visits_2 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');} ],
	# Event triggers look at every definition of a table.
	temporary => [ 1, q{CREATE TEMPORARY TABLE passing ON COMMIT DROP AS SELECT * FROM shop.orders WHERE id = :n % 600;
		INSERT INTO shop.orders SELECT id + 5000, customer, amount FROM passing ON CONFLICT DO NOTHING;} ],
	truncate => [ 1, 'TRUNCATE shop.visits_2;' ],
	refill => [ 1, q{TRUNCATE shop.customers; INSERT INTO shop.customers SELECT i, 'r' || (i + :m) % 4 FROM generate_series(1, 18) AS i;} ]);

my $begin = "BEGIN;\n";
# TRUNCATE respects no snapshot: who took one before and reads the table after sees it empty too early, hence the lock.
my $repeatable = "BEGIN ISOLATION LEVEL REPEATABLE READ;\nLOCK TABLE shop.visits, shop.customers IN ACCESS SHARE MODE;\n";
my $serializable = $repeatable =~ s/REPEATABLE READ/SERIALIZABLE/r;
my $refresh = "SELECT /* only refreshes */ count(*) FROM vend.refresh();\n";
my $batch = q{SELECT rollup FROM load.rollups WHERE n = :n % 6 + 1 \gset
SELECT vend_internal.lock_rollup(':rollup', false) AS locked \gset
\if :locked
SELECT /* only refreshes */ vend_internal.refresh_batch(':rollup', 3, in_slices => :n % 2 = 0);
\endif
};
my $check = "SELECT load.check_rollups();\n";

# Writers by themselves and in longer transactions, rolled back in whole or part, looking at what they did, and refreshing.
my %script;
for my $set (\%write, \%alone)
{
	while (my ($name, $made) = each %$set)
	{
		my ($weight, $sql) = @$made;
		$script{$name} = [ 2 * $weight, "$begin$sql\nCOMMIT;\n" ];
		# Its later statements would not see what it waited for.
		$script{"repeatable_$name"} = [ $weight, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n$sql\nCOMMIT;\n" ] if $name ne 'unsubscribe';
	}
}
for my $i (1 .. 30)
{
	my ($first, $second, $third) = map { $write{ (sort keys %write)[ int(rand(keys %write)) ] }[1] . "\n" } 1 .. 3;
	$script{"mixed_$i"} = [ 4, join('',
		($begin, $repeatable, $serializable)[ $i % 3 ], $first,
		"SAVEPOINT a;\n", $second, $i % 5 ? '' : $check, "ROLLBACK TO a;\n", $i % 5 ? '' : $check,
		"SAVEPOINT b;\n", $third, "RELEASE b;\n", $i % 4 ? '' : "SELECT vend.refresh();\n$check",
		$i % 7 ? "COMMIT;\n" : "ROLLBACK;\n") ];
}
my %engine = (
	refresh => [ 40, $refresh ],
	repeatable_refresh => [ 3, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n${refresh}COMMIT;\n" ],
	undone_refresh => [ 3, "BEGIN;\n${refresh}ROLLBACK;\n" ],
	batch => [ 40, "${begin}${batch}COMMIT;\n" ],
	repeatable_batch => [ 10, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n${batch}COMMIT;\n" ]);
my %oracle = (
	check => [ 12, $check ],
	garage => [ 10, "SELECT load.check_garage(load.garage(:n));\n" ],
	repeatable_check => [ 8, "${repeatable}${check}\\sleep 20 ms\n${check}COMMIT;\n" ],
	refreshed_check => [ 4, "${begin}${refresh}${check}COMMIT;\n" ],
	verify => [ 8, "SELECT load.check_stored();\n" ],
	repeatable_verify => [ 3, "${repeatable}SELECT load.check_stored();\nCOMMIT;\n" ]);

# The arguments of pgbench for some scripts.
sub scripts
{
	my (%all) = @_;
	return map {
		my $file = $node->basedir . "/$_.sql";
		open my $handle, '>', $file or die "$file: $!";
		print $handle "\\set n random(1, 1000000)\n\\set m random(1, 1000000)\n\\set few random(1, 6)\n$all{$_}[1]";
		close $handle;
		('-f', "$file\@$all{$_}[0]")
	} sort keys %all;
}

my $transactions = 0;
sub start_load
{
	my ($database, %all) = @_;
	my $load = { output => '', errors => '', log => -s $node->logfile };
	my @command = ('pgbench', '-n', '-c', 8, '-j', 2, '-T', $seconds, '--max-tries=20', '--random-seed=' . int(rand(1_000_000)),
		scripts(%all), '-h', $node->host, '-p', $node->port, $database);
	$load->{run} = IPC::Run::start(\@command, '>', \$load->{output}, '2>', \$load->{errors}, IPC::Run::timeout(60 + 10 * $seconds));
	return $load;
}

sub finish_load
{
	my ($load) = @_;
	my $is_done = $load->{run}->finish;
	$load->{count} = $load->{output} =~ /^number of transactions actually processed: (\d+)/m ? $1 : 0;
	$transactions += $load->{count};
	return $is_done;
}

# What the server complained of since then, but for what a busy or crashing server may say.
sub complaints
{
	my ($since, @more) = @_;
	my $log = substr(slurp_file($node->logfile), $since);
	# Serialization, deadlock, lock; a vacuum that made way; a server that goes down or comes up.
	my %allowed = map { $_ => 1 } qw(40001 40P01 55P03 57014 57P01 57P02 57P03), @more;
	my @complaints = grep { /^(\w{5}) \d+ (?:ERROR|FATAL|PANIC): / && !$allowed{$1}
		# Of a parallel worker whose leader was killed.
		&& !/could not (?:map|attach to) dynamic shared (?:memory segment|area)/ } split /\n/, $log;
	# Writers may wait for each other; whoever refreshes and nothing else is in nobody's way.
	while ($log =~ /deadlock detected\n((?:.*DETAIL:.*|\t.*)\n)+/g)
	{
		my $deadlock = $&;
		push @complaints, $deadlock if $deadlock =~ /only refreshes/;
	}
	return join("\n", @complaints);
}

# A psql that finds no server is gone before it is asked: that is no answer yet.
sub wait_until_up
{
	for (1 .. 1800)
	{
		return if defined eval { $node->safe_psql('postgres', 'SELECT true') };
		select(undef, undef, undef, 0.1);
	}
	die 'the server did not come back';
}

# The pids of the load's sessions.
sub sessions
{
	my ($database) = @_;
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE datname = '$database' AND backend_type = 'client backend' ORDER BY pid");
}

my @disasters = ('none', 'kill', 'immediate stop');
for my $round (1 .. $rounds)
{
	my $disaster = $disasters[ $round % 3 ];
	my $name = "round $round ($disaster)";
	my $load = start_load('platform', %script, %engine, %oracle);
	if ($disaster ne 'none')
	{
		my $until = time() + $seconds * (0.5 + rand(0.4));
		# It ends before its time if every session has met an error; then no disaster is needed.
		while (time() < $until && $load->{run}->pumpable)
		{
			$load->{run}->pump_nb;
			select(undef, undef, undef, 0.1);
		}
		if ($disaster eq 'kill')
		{
			my @pids = sessions('platform');
			die "$name: the load has ended: $load->{errors}" . complaints($load->{log}) if !@pids;
			kill 'KILL', $pids[ int(rand(@pids)) ];
			$node->wait_for_log(qr/all server processes terminated; reinitializing/, $load->{log});
		}
		else
		{
			$node->stop('immediate');
			$node->start;
		}
		wait_until_up();
	}
	my $is_done = finish_load($load);
	ok($is_done, "$name: every session came to its end") || diag $load->{errors} if $disaster eq 'none';
	note "$name: $load->{count} transactions";
	my (undef, undef, $wrong) = $node->psql('platform', 'SELECT load.check_rollups()');
	is($wrong, '', "$name: the rollups are exact");
	$node->safe_psql('platform', 'SELECT vend.refresh()');
	is($node->safe_psql('platform', 'SELECT bool_and(is_built), sum(pending_notes), max(reason) FROM vend.freshness'),
		't|0|', "$name: a refresh leaves nothing to do");
	is($node->safe_psql('platform', 'SELECT sum(keys_wrong), count(*) FROM vend.verify() WHERE keys_checked > 0'),
		'0|6', "$name: no key is wrong");
	is($node->safe_psql('platform', 'SELECT rollup, rows, example FROM load.wrong_stored WHERE rows > 0'),
		'', "$name: what is stored is what the queries have");
	is(complaints($load->{log}), '', "$name: the server has nothing to complain of");
}
cmp_ok($transactions, '>', 20 * $rounds, "$transactions transactions were made");

# The same load meets a refresh that computes in one transaction and deletes the notes in the next.
$node->safe_psql('postgres', 'CREATE DATABASE mutant TEMPLATE platform');
is($node->safe_psql('mutant', q{
	DO $$
	DECLARE
		taking CONSTANT text := '(DELETE FROM ONLY %s';
		taken CONSTANT text := ' RETURNING *)';
		definition text := pg_get_functiondef('vend_internal.take_clauses'::regproc);
	BEGIN
		IF position(taking IN definition) = 0 OR position(taken IN definition) = 0 THEN
			RAISE EXCEPTION 'the refresh does not take its notes as this test thinks';
		END IF;
		EXECUTE replace(replace(definition, taking, '(SELECT * FROM ONLY %s'), taken, ')');
	END $$;
	CREATE PROCEDURE load.refresh_in_two_steps() LANGUAGE plpgsql AS $$
	DECLARE
		of record;
	BEGIN
		FOR of IN SELECT r.rollup FROM load.rollups r LOOP
			IF vend_internal.lock_rollup(of.rollup, false) THEN
				PERFORM vend_internal.refresh_batch(of.rollup, 10000);
				COMMIT;
				PERFORM pg_sleep(0.02);
				EXECUTE (SELECT string_agg(format('DELETE FROM %s', vend_internal.part_of(s.rollup, 'notes', s.position)), '; ')
					FROM vend_internal.rollup_sources s WHERE s.rollup = of.rollup AND s.touched <> '{}');
				COMMIT;
			END IF;
		END LOOP;
	END $$;
	SELECT load.check_rollups()}), '', 'a broken refresh is made');
my $caught = '';
for my $try (1 .. 15)
{
	my $load = start_load('mutant', %script, %oracle, refresh => [ 50, "CALL load.refresh_in_two_steps();\n" ]);
	finish_load($load);
	($caught) = substr(slurp_file($node->logfile), $load->{log}) =~ /^(VEND1 .*)/m;
	is(complaints($load->{log}, 'VEND1'), '', "mutant, try $try: nothing else is wrong");
	last if $caught;
}
ok($caught, 'wrong rows are found') && note $caught;

$node->stop;
done_testing();
