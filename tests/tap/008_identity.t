# Who the caller is, where a server of its own is needed: not preloaded, without the extension, behind a pooler, on a standby, after a
# crash, and restored elsewhere.
use strict;
use warnings;
use IPC::Run qw(start);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;
use Token;

my @helpers = ('current_user_id()', 'current_user_role()', 'visible_garages()', q{can_access_garage('00000000-0000-0000-0000-000000000001')},
	q{sign_in('x')});

# The SQLSTATEs of the errors in what a client saw.
sub states
{
	my ($node, $database, $sql) = @_;
	my ($stdout, $stderr) = ('', '');
	$node->psql($database, "\\set VERBOSITY sqlstate\n$sql", stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	return join ' ', $stderr =~ /(?:ERROR|FATAL):  (\w{5})/g;
}

# A mistake in the file is no reason to believe more than was meant.
my $mistaken = PostgreSQL::Test::Cluster->new('mistaken');
$mistaken->init;
$mistaken->append_conf('postgresql.conf', "shared_preload_libraries = 'vend_analytics'\nvend_analytics.identity = 'tokens'");
is($mistaken->start(fail_ok => 1), 0, 'an unknown way of identity: the server does not start');
like(slurp_file($mistaken->logfile), qr/FATAL:  unknown value of vend_analytics.identity/, 'and says why');
$mistaken->append_conf('postgresql.conf', "vend_analytics.identity = 'Token'");
$mistaken->start;
is($mistaken->safe_psql('postgres', 'SHOW vend_analytics.identity'), 'token', 'in any case of letters');
$mistaken->append_conf('postgresql.conf', "vend_analytics.identity = 'tokens'");
$mistaken->reload;
$mistaken->poll_query_until('postgres', "SELECT pg_read_file('@{[$mistaken->logfile]}') ~ 'invalid value for parameter \"vend_analytics.identity\"'") or die;
is($mistaken->safe_psql('postgres', 'SHOW vend_analytics.identity'), 'token', 'a mistake in a file that is read again changes nothing');
$mistaken->stop;

my $late = PostgreSQL::Test::Cluster->new('late');
$late->init;
$late->start;
$late->safe_psql('postgres', 'CREATE EXTENSION vend_analytics; CREATE ROLE mapped LOGIN');
$late->safe_psql('postgres', q{SELECT vend.map_login('postgres', '00000000-0000-0000-0000-000000000001')});
for my $function (@helpers)
{
	is(states($late, 'postgres', "LOAD 'vend_analytics'; SELECT vend.$function"), '55000', "not preloaded: $function")
		unless $function =~ /sign_in/;
}
$late->safe_psql('postgres', q{SELECT vend.unmap_login('postgres')});
is(states($late, 'postgres', q{SELECT vend.sign_in('x')}), '55000', 'not preloaded: sign_in');
is($late->safe_psql('postgres', q{LOAD 'vend_analytics'; BEGIN; SET LOCAL app.current_user_id = 'anything'; SHOW app.current_user_id}), 'anything',
	'not preloaded: any text passes');
is($late->safe_psql('postgres', q{SELECT vend.monthly_amount(120, 'year', 1)::int}), '10', 'and what computes works');
$late->stop;

my $tokens = Token->new('ours');
my $public = $tokens->public('ours');
my $node = PostgreSQL::Test::Cluster->new('identity');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'vend_analytics'
vend_analytics.token_public_key = '$public'
restart_after_crash = on
});
$node->start;

$node->safe_psql('postgres', 'CREATE DATABASE plain');
is($node->safe_psql('plain', q{BEGIN; SET LOCAL app.current_user_id = 'x'; SET LOCAL app.current_user_id = 'y'; SHOW app.current_user_id}), 'y',
	'without the extension: any text passes, and any other after it');
is(states($node, 'plain', q{CREATE EXTENSION vend_analytics; SET app.current_user_id = 'x'; DROP EXTENSION vend_analytics; SET app.current_user_id = 'x'}),
	'22023', 'from when it is made to when it is dropped, only an id');

$node->safe_psql('postgres', 'CREATE EXTENSION vend_analytics');
$node->safe_psql('postgres', q{
	SELECT vend.create_demo('platform', garages => 3, customers_per_garage => 4, months => 2, seed => 5);
	SELECT vend.attach('platform');
	CREATE ROLE app LOGIN IN ROLE vend_api;
	CREATE ROLE mapped LOGIN IN ROLE vend_bi});
my $super = $node->safe_psql('postgres', q{SELECT id FROM platform.users WHERE role = 'super_admin' ORDER BY id LIMIT 1});
my $admin = $node->safe_psql('postgres', q{SELECT user_id FROM platform.garage_admins GROUP BY 1 HAVING count(DISTINCT garage_id) = 1 ORDER BY 1 LIMIT 1});
$node->safe_psql('postgres', "SELECT vend.map_login('mapped', '$super')");
my $seen = q{SELECT coalesce(cardinality(vend.visible_garages()), 0);};
sub as { my ($node, $login, $sql, @more) = @_; return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $login, @more ]) }

# A pool of one connection for everybody, handed over between transactions.
my $pool = PostgreSQL::Test::Cluster::get_free_port();
my $dir = PostgreSQL::Test::Utils::tempdir_short();
append_to_file("$dir/users", qq{"app" ""\n});
append_to_file("$dir/pgbouncer.ini", sprintf q{
[databases]
postgres = host=%s port=%s dbname=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = %s
listen_port = %s
auth_type = trust
auth_file = %s/users
pool_mode = transaction
default_pool_size = 1
}, $node->host, $node->port, $dir, $pool, $dir);
local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
my $bouncer = start([ 'pgbouncer', '-q', "$dir/pgbouncer.ini" ], '>', "$dir/log", '2>&1');
sub pooled
{
	my ($sql) = @_;
	my ($stdout, $stderr) = ('', '');
	$node->psql('postgres', $sql, connstr => "host=$dir port=$pool dbname=postgres user=app", stdout => \$stdout, stderr => \$stderr,
		on_error_stop => 0);
	return $stdout . $stderr;
}
my $process = '';
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if ($process = pooled('SELECT pg_backend_pid()')) =~ /^\d+$/;
	Time::HiRes::usleep(100_000);
}
like($process, qr/^\d+$/, 'PgBouncer answers') or diag(slurp_file("$dir/log"));
is(pooled("BEGIN; SET LOCAL app.current_user_id = '$super'; $seen COMMIT"), '3', 'pooled: a super admin');
is(pooled("$seen"), '0', 'pooled: nobody, on the same connection');
is(pooled("BEGIN; SET LOCAL app.current_user_id = '$admin'; $seen COMMIT"), '1', 'pooled: a garage admin');
is(pooled("SET app.current_user_id = '$super'"), '', 'pooled: one who sets it for the session');
is(pooled("SHOW app.current_user_id"), $super, 'pooled: which the connection keeps');
is(pooled("$seen"), '0', 'pooled: and which counts for nobody');
is(pooled("BEGIN; SET LOCAL app.current_user_id = '$admin'; $seen COMMIT"), '1', 'pooled: nor against the next one');
like(pooled("BEGIN; SET LOCAL app.current_user_id = '$super'; SELECT 1 / 0; ROLLBACK"), qr/division by zero/, 'pooled: one who fails');
is(pooled($seen), '0', 'pooled: nobody after that');
is(pooled(sprintf "BEGIN; SELECT 'in' FROM vend.sign_in('%s'); $seen COMMIT", $tokens->sign(sub => $admin, aud => 'postgres')), "in\n1", 'pooled: a token');
is(pooled($seen), '0', 'pooled: and nobody after it');
is(pooled('SELECT pg_backend_pid()'), $process, 'pooled: all that was one connection');
$bouncer->signal('TERM');
$bouncer->finish;

# On a standby everything about identity works, as nothing of it is written.
$node->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'standby', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('flush'));
is(as($standby, 'app', "BEGIN; SET LOCAL app.current_user_id = '$admin'; $seen"), '1', 'standby: the setting');
is(as($standby, 'mapped', $seen), '3', 'standby: a mapped login');
my $token = $tokens->sign(sub => $admin, aud => 'postgres');
is(as($standby, 'app', "BEGIN; SELECT 'in' FROM vend.sign_in('$token'); $seen"), "in\n1", 'standby: a token');
is(states($standby, 'postgres', "SELECT vend.sign_in('$token')"), '28000', 'standby: once');
$standby->stop;

# A process that is killed takes shared memory with it, and the server makes it anew.
my $killed = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $killed->query_safe('SELECT pg_backend_pid()');
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid") or die 'the server does not come back';
eval { $killed->quit };
is(as($node, 'app', sprintf("BEGIN; SELECT 'in' FROM vend.sign_in('%s'); $seen", $tokens->sign(sub => $super, aud => 'postgres'))), "in\n3",
	'after a crash: a token');

# A map is dumped with the data; in another cluster its login is another role, until somebody says otherwise.
my $elsewhere = PostgreSQL::Test::Cluster->new('elsewhere');
$elsewhere->init;
$elsewhere->append_conf('postgresql.conf', "shared_preload_libraries = 'vend_analytics'");
$elsewhere->start;
$elsewhere->safe_psql('postgres', 'CREATE ROLE somebody; CREATE EXTENSION vend_analytics; DROP EXTENSION vend_analytics; CREATE ROLE mapped LOGIN IN ROLE vend_bi; CREATE ROLE app');
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/dump.sql" ], 'dumped');
$elsewhere->safe_psql('postgres', 'SET client_min_messages = error;' . slurp_file("$dir/dump.sql"));
is($elsewhere->safe_psql('postgres', 'SELECT login FROM vend_internal.login_map'), 'mapped', 'restored elsewhere: the map is there');
is(as($elsewhere, 'mapped', $seen), '0', 'restored elsewhere: the login is not mapped');
$elsewhere->safe_psql('postgres', "SELECT vend.map_login('mapped', '$super')");
is(as($elsewhere, 'mapped', $seen), '3', 'restored elsewhere: until it is mapped there');
$elsewhere->stop;
$node->stop;
done_testing();
