# Installing into an empty database and one that has the tables, being refused, and leaving nothing behind but roles.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('install');
$node->init;
$node->start;
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');

# The SQLSTATE of the error that a statement ends with, or '' if it succeeds.
sub sqlstate
{
	my ($database, $sql) = @_;
	my ($status, undef, $stderr) = $node->psql($database, "\\set VERBOSITY sqlstate\n$sql");
	return $status == 0 ? '' : $stderr =~ /ERROR:  (\w{5})/ ? $1 : $stderr;
}

# Everything in the catalogs that an extension could leave, with the privileges it could have changed.
sub catalog
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
		SELECT item FROM (
			SELECT 'relation', relnamespace::regnamespace || '.' || relname, owner_and_acl(relowner, relacl, 'r') FROM pg_class
			UNION ALL SELECT 'function', oid::regprocedure::text, owner_and_acl(proowner, proacl, 'f') FROM pg_proc
			UNION ALL SELECT 'type', typnamespace::regnamespace || '.' || typname, owner_and_acl(typowner, typacl, 'T') FROM pg_type
			UNION ALL SELECT 'schema', nspname, owner_and_acl(nspowner, nspacl, 'n') FROM pg_namespace
			UNION ALL SELECT 'event trigger', evtname, '' FROM pg_event_trigger
			UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, '' FROM pg_trigger
			UNION ALL SELECT 'policy', polrelid::regclass || '.' || polname, '' FROM pg_policy
			UNION ALL SELECT 'cast', castsource::regtype || ' to ' || casttarget::regtype, '' FROM pg_cast
			UNION ALL SELECT 'operator', oid::regoperator::text, '' FROM pg_operator
			UNION ALL SELECT 'default privilege', oid::text, defaclacl::text FROM pg_default_acl
			UNION ALL SELECT 'extension', extname, '' FROM pg_extension
			UNION ALL SELECT 'setting of the database', setdatabase::text, setconfig::text FROM pg_db_role_setting
		) AS object(kind, name, rights), format('%s %s %s', kind, name, rights) AS item
		ORDER BY item});
}

# Before the first CREATE EXTENSION: the roles are not there and are made.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
for my $database ('template1', 'plain')
{
	# An absent list of privileges and one that spells out the default mean the same.
	$node->safe_psql($database, q{
		CREATE FUNCTION owner_and_acl(owner oid, acl aclitem[], kind "char") RETURNS text LANGUAGE sql AS $$
			SELECT owner::regrole || ': ' || coalesce(string_agg(item::text, ', ' ORDER BY item::text), '')
			FROM unnest(coalesce(acl, acldefault(kind, owner))) AS item
		$$});
}
my $before = catalog('plain');
is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '', 'installs into an empty database');
is( $node->safe_psql('plain', q{SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vend%' ORDER BY 1}),
	"vend\nvend_internal", 'makes its two schemas and no other');
is( $node->safe_psql('plain', q{
		SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit, rolpassword IS NULL
		FROM pg_authid WHERE rolname LIKE 'vend%' ORDER BY rolname}),
	"vend_api|f|f|f|f|f|f|-1|t\n"
	  . "vend_bi|f|f|f|f|f|f|-1|t\n"
	  . "vend_owner|f|f|f|f|f|t|-1|t\n"
	  . "vend_worker|t|f|f|f|f|t|0|t",
	'makes the four roles with their attributes');
is( $node->safe_psql('plain', q{
		SELECT extowner = current_user::regrole, extnamespace::regnamespace, extrelocatable FROM pg_extension WHERE extname = 'vend_analytics'}),
	't|pg_catalog|f', 'belongs to the superuser who made it and cannot be moved');
is( $node->safe_psql('plain', q{
		SELECT count(*) FROM pg_namespace n, pg_proc p WHERE p.pronamespace = n.oid AND n.nspname IN ('vend', 'vend_internal')
			AND p.proowner <> 'vend_owner'::regrole AND p.prorettype <> 'event_trigger'::regtype}),
	'0', 'vend_owner owns its functions');
is( $node->safe_psql('plain', q{
		SELECT (SELECT count(*) FROM vend.flatten_hourly('[1, null, 3]')), vend.monthly_amount(120, 'year', 1)::int,
			(SELECT round(vend.churn_rate('2026-01-01', NULL, '2026-02-01', '2026-03-01')))}),
	'2|10|0', 'works without being preloaded');
is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '42710', 'is refused a second time');
is(sqlstate('plain', 'DROP EXTENSION vend_analytics'), '', 'is dropped');
is(catalog('plain'), $before, 'leaves nothing in the database');
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'vend%'}), '4', 'leaves the roles');
is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '', 'installs again where the roles are');

# A database that has the operational tables, with everything made over them.
is(sqlstate('plain', q{SELECT vend.create_demo('platform', garages => 2, customers_per_garage => 5, months => 3)}), '',
	'makes a demo platform');
$node->safe_psql('plain', 'DROP EXTENSION vend_analytics');
$before = catalog('plain');
is($node->safe_psql('plain', q{SELECT count(*) > 0 FROM platform.payments}), 't', 'the platform outlives the extension');
is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '', 'installs where the tables are');
is(sqlstate('plain', q{SELECT * FROM vend.attach('platform')}), '', 'attaches');
isnt(catalog('plain'), $before, 'the comparison sees what is installed');
is(sqlstate('plain', 'DROP EXTENSION vend_analytics'), '', 'is dropped while attached');
is(catalog('plain'), $before, 'leaves nothing in the database when it was attached');

# A dropped extension takes other people's views over its reports with it only if told to.
$node->safe_psql('plain', q{CREATE EXTENSION vend_analytics; SELECT * FROM vend.attach('platform');
	CREATE VIEW public.mine AS SELECT * FROM vend_reports.mv_daily_revenue});
is(sqlstate('plain', 'DROP EXTENSION vend_analytics'), '2BP01', 'is not dropped under a view of somebody else');
is($node->safe_psql('plain', 'SELECT count(*) > 0 FROM vend_reports.mv_current_occupancy'), 't', 'and everything still works');
is(sqlstate('plain', 'DROP VIEW public.mine; DROP EXTENSION vend_analytics'), '', 'is dropped without it');

# Refusals leave the database as it was.
for my $schema ('vend', 'vend_internal')
{
	$node->safe_psql('postgres', "CREATE DATABASE taken_$schema");
	$node->safe_psql("taken_$schema", "CREATE SCHEMA $schema");
	$before = catalog("taken_$schema");
	is(sqlstate("taken_$schema", 'CREATE EXTENSION vend_analytics'), '42P06', "a schema named $schema stops the installation");
	is(catalog("taken_$schema"), $before, "and nothing of it stays");
}
my %refused = (
	'ALTER ROLE vend_owner LOGIN' => 'ALTER ROLE vend_owner NOLOGIN',
	'ALTER ROLE vend_owner SUPERUSER' => 'ALTER ROLE vend_owner NOSUPERUSER',
	q{ALTER ROLE vend_worker PASSWORD 'secret'} => 'ALTER ROLE vend_worker PASSWORD NULL',
	'ALTER ROLE vend_worker CONNECTION LIMIT 5' => 'ALTER ROLE vend_worker CONNECTION LIMIT 0',
	'ALTER ROLE vend_api BYPASSRLS' => 'ALTER ROLE vend_api NOBYPASSRLS',
	'CREATE ROLE somebody; GRANT vend_owner TO somebody' => 'REVOKE vend_owner FROM somebody');
for my $change (sort keys %refused)
{
	$node->safe_psql('postgres', $change);
	is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '42710', "is refused after: $change");
	$node->safe_psql('postgres', $refused{$change});
}
$node->safe_psql('postgres', 'CREATE ROLE owner_of_plain LOGIN; GRANT ALL ON DATABASE plain TO owner_of_plain');
is(sqlstate('plain', 'SET ROLE owner_of_plain; CREATE EXTENSION vend_analytics'), '42501', 'is for superusers to install');
is(sqlstate('plain', 'CREATE EXTENSION vend_analytics'), '', 'installs after all refusals');

$node->stop;
done_testing();
