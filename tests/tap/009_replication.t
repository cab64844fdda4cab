# Rollups and the ledger on a server that has its tables by logical replication: the first copy, and the changes that are applied after it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
# A transaction of more than this is applied from a stream, which an abort takes back.
$publisher->append_conf('postgresql.conf', 'logical_decoding_work_mem = 64kB');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');

my @tables = qw(users garages passes pass_price_history subscriptions payments garage_admins parked garage_daily_occupancy);
my @rollups = qw(daily_revenue daily_visits hourly_occupancy orders_by_region subscription_timelines);
for my $node ($publisher, $subscriber)
{
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE platform');
	$node->safe_psql('platform', q{
		CREATE EXTENSION vend_analytics;
		SELECT vend.create_demo('operations', garages => 3, customers_per_garage => 10, months => 4, as_of => '2026-06-30');
		CREATE SCHEMA kept;
		CREATE TABLE kept.orders (id int PRIMARY KEY, region text, amount numeric) PARTITION BY RANGE (id);
		CREATE TABLE kept.orders_1 PARTITION OF kept.orders FOR VALUES FROM (0) TO (10);
		CREATE TABLE kept.orders_2 PARTITION OF kept.orders FOR VALUES FROM (10) TO (100)});
	for my $table (@tables)
	{
		$node->safe_psql('platform', "CREATE TABLE kept.$table AS TABLE operations.$table");
	}
	$node->safe_psql('platform', 'TRUNCATE ' . join(', ', map { "operations.$_" } @tables));
	$node->safe_psql('platform', q{
		SELECT vend.attach('operations', timezone => 'Europe/Berlin');
		SELECT vend.create_rollup('orders_by_region', 'SELECT region, sum(amount) AS amount, count(*) AS orders FROM kept.orders GROUP BY region',
			'{region}', sources => '{"kept.orders": ["region"]}', tenant_column => NULL);
		SELECT vend.refresh()});
}

# Rows that a rollup shows and its query does not have, or the other way round.
sub wrong
{
	my ($node) = @_;
	return $node->safe_psql('platform', join(' UNION ALL ', map {
		"SELECT '$_', count(*) FROM ((TABLE vend_reports.$_ EXCEPT ALL TABLE vend_internal.query_$_)
			UNION ALL (TABLE vend_internal.query_$_ EXCEPT ALL TABLE vend_reports.$_)) AS d HAVING count(*) > 0"
	} @rollups));
}

# What both servers have to agree on. Who is deleted is so at the time of the transaction that says so, and each server has its own.
my @answers = (map({ "vend_internal.query_$_" } grep { $_ ne 'subscription_timelines' } @rollups),
	'(SELECT * FROM vend_internal.ledger WHERE subscription_id IN (SELECT id FROM operations.subscriptions))');

sub answers
{
	my ($node) = @_;
	return $node->safe_psql('platform', 'SET jit = off; ' . join(' UNION ALL ', map {
		"SELECT \$\$$_\$\$, count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text)) FROM $_ AS r"
	} @answers));
}

sub agree
{
	my ($what) = @_;
	$publisher->wait_for_catchup('to_subscriber');
	is($subscriber->safe_psql('platform', 'SELECT EXISTS (SELECT FROM vend.freshness WHERE dirty_keys IS DISTINCT FROM 0)'), 't', "$what: noted");
	is(wrong($subscriber), '', "$what: what is shown is what the query has");
	is($subscriber->safe_psql('platform', 'SELECT vend_internal.rebuild_ledger()'), '0', "$what: the ledger is what its versions make of it");
	is(answers($subscriber), answers($publisher), "$what: both servers agree");
	$subscriber->safe_psql('platform', 'SELECT vend.refresh()');
	is(wrong($subscriber), '', "$what: the same once refreshed");
}

$publisher->safe_psql('platform', join('; ', map { "INSERT INTO operations.$_ TABLE kept.$_" } @tables));
$publisher->safe_psql('platform', q{INSERT INTO kept.orders SELECT n, 'north', n FROM generate_series(0, 19) n});
# What a subscription paid before is taken from the prices that are there when its row comes; tables are copied side by side.
my $connection = $publisher->connstr . ' dbname=platform';
$publisher->safe_psql('platform', 'CREATE PUBLICATION platform FOR TABLE operations.pass_price_history');
$subscriber->safe_psql('platform', "CREATE SUBSCRIPTION to_subscriber CONNECTION '$connection' PUBLICATION platform WITH (streaming = on)");
$subscriber->wait_for_subscription_sync($publisher, 'to_subscriber', 'platform');
$publisher->safe_psql('platform', 'ALTER PUBLICATION platform ADD TABLE kept.orders, '
	. join(', ', map { "operations.$_" } grep { $_ ne 'pass_price_history' } @tables));
$subscriber->safe_psql('platform', 'ALTER SUBSCRIPTION to_subscriber REFRESH PUBLICATION');
$subscriber->wait_for_subscription_sync($publisher, 'to_subscriber', 'platform');
cmp_ok($subscriber->safe_psql('platform', 'SELECT count(*) FROM vend_internal.ledger'), '>', 20, 'the first copy is in the ledger');
agree('first copy');

$publisher->safe_psql('platform', q{
	BEGIN;
	INSERT INTO operations.payments SELECT gen_random_uuid(), NULL, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency,
		payment_date + interval '1 day', created_at, updated_at FROM operations.payments ORDER BY id LIMIT 30;
	UPDATE operations.payments SET amount = amount + 1, net_amount = net_amount + 1, payment_date = payment_date - interval '3 days'
	WHERE id IN (SELECT id FROM operations.payments ORDER BY id LIMIT 20);
	UPDATE operations.payments SET status = 'refunded', updated_at = payment_date + interval '2 days'
	WHERE id IN (SELECT id FROM operations.payments WHERE status = 'succeeded' ORDER BY id DESC LIMIT 5);
	DELETE FROM operations.payments WHERE id IN (SELECT id FROM operations.payments ORDER BY md5(id::text) LIMIT 10);
	SAVEPOINT undone;
	DELETE FROM operations.payments;
	UPDATE kept.orders SET amount = 0;
	ROLLBACK TO undone;
	UPDATE kept.orders SET region = 'south' WHERE id % 3 = 0;
	UPDATE kept.orders SET id = id + 10 WHERE id IN (1, 2, 4) AND id + 10 NOT IN (SELECT id FROM kept.orders);
	DELETE FROM kept.orders WHERE id = 19;
	UPDATE kept.orders SET id = 50 WHERE id = 5;
	COMMIT});
agree('payments');

$publisher->safe_psql('platform', q{
	UPDATE operations.subscriptions SET monthly_amount = monthly_amount + 5, updated_at = '2026-07-01'
	WHERE id IN (SELECT id FROM operations.subscriptions ORDER BY id LIMIT 10);
	UPDATE operations.subscriptions SET status = 'paused', updated_at = '2026-07-02'
	WHERE id IN (SELECT id FROM operations.subscriptions ORDER BY id OFFSET 5 LIMIT 10);
	UPDATE operations.subscriptions SET cancel_at_period_end = true, canceled_at = '2026-07-03', current_period_end = '2026-08-03', updated_at = '2026-07-03'
	WHERE id IN (SELECT id FROM operations.subscriptions ORDER BY id DESC LIMIT 10);
	UPDATE operations.payments SET subscription_id = NULL WHERE subscription_id = (SELECT max(id::text)::uuid FROM operations.subscriptions);
	DELETE FROM operations.subscriptions WHERE id = (SELECT max(id::text)::uuid FROM operations.subscriptions);
	UPDATE operations.parked SET exited_at = entered_at + interval '5 hours', user_id = NULL WHERE id IN (SELECT id FROM operations.parked ORDER BY id LIMIT 20);
	UPDATE operations.garage_daily_occupancy SET hourly_occupancy = '[1, 2, 3]' WHERE id IN (SELECT id FROM operations.garage_daily_occupancy ORDER BY id LIMIT 5);
	UPDATE operations.garages SET capacity = capacity + 7});
agree('subscriptions, visits and garages');
is($subscriber->safe_psql('platform', q{
	SELECT count(*) FROM vend_internal.ledger WHERE valid_to = 'infinity' AND subscription_id NOT IN (SELECT id FROM operations.subscriptions)}),
	'0', 'who is deleted does not pay any more');

# So long that it is streamed: one that is taken back, and one that is not.
my $bulk = q{INSERT INTO operations.payments SELECT gen_random_uuid(), NULL, NULL, garage_id, 10, 1, 9, 'succeeded', 'eur', payment_date, created_at, updated_at
	FROM operations.payments CROSS JOIN generate_series(1, 20)};
$publisher->safe_psql('platform', "BEGIN; $bulk; ROLLBACK; BEGIN; $bulk; COMMIT");
agree('bulk');

$publisher->safe_psql('platform', q{
	TRUNCATE operations.payments, kept.orders;
	INSERT INTO operations.payments SELECT * FROM kept.payments WHERE subscription_id IN (SELECT id FROM operations.subscriptions)});
agree('truncated and filled again');

$publisher->safe_psql('platform', 'TRUNCATE operations.subscriptions CASCADE');
agree('no subscriptions');

$subscriber->stop;
$publisher->stop;
done_testing();
