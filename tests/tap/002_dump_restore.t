# A database with everything attached goes through pg_dump into another server and reports the same there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init;
$source->start;
my $target = PostgreSQL::Test::Cluster->new('target');
$target->init;
$target->start;

$source->safe_psql('postgres', 'CREATE DATABASE platform');
$source->safe_psql('platform', q{
	CREATE EXTENSION vend_analytics;
	SELECT vend.create_demo('operations', garages => 3, customers_per_garage => 10, months => 6);
	SELECT vend.set_platform_fee(12.5);
	SELECT * FROM vend.attach('operations', timezone => 'Europe/Berlin');
	SELECT * FROM vend.refresh();
	-- A note that waits for a refresh.
	UPDATE operations.payments SET amount = amount + 1 WHERE id IN (SELECT id FROM operations.payments ORDER BY id LIMIT 3);
});

# Each generated relation with its rows counted and digested, in no order that a dump would have to keep, and without what grows
# by the minute.
sub digest
{
	my ($node, $database) = @_;
	my $relations = $node->safe_psql($database, q{
		SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(j.text, E''\n'' ORDER BY j.text), '''')) FROM %s AS r CROSS JOIN LATERAL (SELECT (to_jsonb(r) - ''subscription_lifetime_days'')::text) AS j(text)', c.oid::regclass, c.oid::regclass)
		FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('vend_staging', 'vend_marts', 'vend_reports') AND c.relkind IN ('v', 'r', 'm')
		ORDER BY c.oid::regclass::text});
	return $node->safe_psql($database, 'SET search_path = pg_catalog; SET jit = off; ' . join(' UNION ALL ', split /\n/, $relations) . ' ORDER BY 1');
}

# What the catalogs say about who may do what with which object.
sub rights
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{
		SELECT format('%s %s %s', c.oid::regclass, c.relowner::regrole, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(c.relacl) AS a))
		FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('vend', 'vend_internal', 'vend_staging', 'vend_marts', 'vend_reports', 'operations')
			AND c.relkind IN ('r', 'v', 'm', 'S')
		UNION ALL
		SELECT format('%s %s %s', p.oid::regprocedure, p.proowner::regrole, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(p.proacl) AS a))
		FROM pg_proc p
		WHERE p.pronamespace::regnamespace::text IN ('vend', 'vend_internal', 'vend_staging', 'vend_marts', 'vend_reports')
		UNION ALL
		SELECT format('%s %s %s', n.nspname, n.nspowner::regrole, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(n.nspacl) AS a))
		FROM pg_namespace n WHERE n.nspname IN ('vend', 'vend_internal', 'vend_staging', 'vend_marts', 'vend_reports', 'operations')
		ORDER BY 1});
}

cmp_ok($source->safe_psql('platform', 'SELECT count(*) FROM vend_reports.mv_current_occupancy'), '>', 0, 'there is something to report');

for my $format ('plain', 'custom')
{
	my $dump = $source->basedir . "/$format.dump";
	$target->safe_psql('postgres', "CREATE DATABASE restored_$format");
	$source->command_ok([ 'pg_dump', '-F', $format, '-f', $dump, $source->connstr('platform') ], "$format: dumps");
	my @restore = $format eq 'plain'
	  ? ('psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $target->connstr("restored_$format"))
	  : ('pg_restore', '--exit-on-error', '-d', $target->connstr("restored_$format"), $dump);
	$target->command_ok(\@restore, "$format: restores without an error");
	# Some reports depend on the time of reading, so both are read now.
	is(digest($target, "restored_$format"), digest($source, 'platform'), "$format: every relation has the same rows");
	# While the triggers came one by one, changes could have gone unseen: everything is computed once more.
	is($target->safe_psql("restored_$format", 'SELECT bool_or(is_built) FROM vend.freshness'), 'f', "$format: rollups wait for a refresh");
	$target->safe_psql("restored_$format", 'SELECT vend.refresh()');
	is($target->safe_psql("restored_$format", 'SELECT bool_and(is_built), max(reason) FROM vend.freshness'), 't|', "$format: which builds them");
	is(digest($target, "restored_$format"), digest($source, 'platform'), "$format: and changes no row");
	is(rights($target, "restored_$format"), rights($source, 'platform'), "$format: owners and privileges are the same");
}

# What was restored can be worked with like the original.
is( $target->psql('restored_plain', q{SELECT * FROM vend.attach('operations', timezone => 'Europe/Berlin')}),
	0, 'attaches again');
is(digest($target, 'restored_plain'), digest($source, 'platform'), 'and reports the same');
is($target->psql('restored_plain', 'SELECT vend.detach()'), 0, 'detaches');
is( $target->safe_psql('restored_plain', q{SELECT count(*) FROM pg_namespace WHERE nspname IN ('vend_staging', 'vend_marts', 'vend_reports')}),
	'0', 'and leaves no generated schema');
$target->safe_psql('restored_custom', q{UPDATE operations.subscriptions SET monthly_amount = monthly_amount + 1 WHERE status = 'active'});
is( $target->safe_psql('restored_custom', q{SELECT count(*) > 0 AND bool_and(seen) FROM vend_internal.last_versions WHERE status = 'active'}),
	't', 'writes are seen, and come after what was seen before');
$target->safe_psql('restored_custom', q{UPDATE operations.payments SET amount = amount + 2 WHERE id IN (SELECT id FROM operations.payments ORDER BY id LIMIT 5)});
is( $target->safe_psql('restored_custom', q{SELECT count(*) FROM vend_reports.daily_revenue r FULL JOIN vend_internal.query_daily_revenue q
	ON (r.garage_id, r.day, r.gross_revenue) = (q.garage_id, q.day, q.gross_revenue)
		AND (r.pass_id, r.currency) IS NOT DISTINCT FROM (q.pass_id, q.currency) WHERE r.garage_id IS NULL OR q.garage_id IS NULL}),
	'0', 'changes are noted');
$target->safe_psql('restored_custom', 'SELECT vend.refresh()');
is($target->safe_psql('restored_custom', 'SELECT sum(keys_wrong) FROM vend.verify()'), '0', 'and worked off');
is($target->safe_psql('restored_custom', 'SELECT vend_internal.rebuild_ledger()'), '0', 'and the ledger follows them');
is($target->psql('restored_custom', 'DROP EXTENSION vend_analytics'), 0, 'the extension can be dropped while attached');

$source->stop;
$target->stop;
done_testing();
