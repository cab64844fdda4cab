# Attacks on who the caller is (SECURITY, section 8), each run as the attacker: once against the extension, where it must fail,
# and once against a weak copy, where it must succeed, so that it is known to be an attack. Attacks that have no weak copy
# say why.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Token;

# A key of ours and one that signs for nobody.
my $tokens = Token->new('ours', 'foreign');
my $public = $tokens->public('ours');

my $node = PostgreSQL::Test::Cluster->new('attacks');
$node->init;
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'vend_analytics'
vend_analytics.token_public_key = '$public'
max_prepared_transactions = 2
});
$ENV{RUST_BACKTRACE} = 1;
$node->start;
delete $ENV{RUST_BACKTRACE};

# strong: the extension in its default mode. signed: the same, believing tokens only. weak: what is written without it.
$node->safe_psql('postgres', q{
	CREATE DATABASE strong;
	REVOKE TEMPORARY ON DATABASE strong FROM PUBLIC});
$node->safe_psql('strong', q{
	CREATE EXTENSION vend_analytics;
	SELECT vend.create_demo('platform', garages => 3, customers_per_garage => 4, months => 2, seed => 5);
	SELECT vend.attach('platform')});
$node->safe_psql('strong', q{
	CREATE ROLE app LOGIN IN ROLE vend_api;
	CREATE ROLE bi LOGIN IN ROLE vend_bi;
	CREATE ROLE mapped LOGIN IN ROLE vend_bi;
	CREATE ROLE chief LOGIN IN ROLE vend_bi;
	CREATE ROLE recreated LOGIN IN ROLE vend_bi;
	CREATE ROLE builder LOGIN IN ROLE vend_api;
	CREATE ROLE trusted LOGIN IN ROLE vend_api;
	GRANT chief TO bi;
	GRANT SET ON PARAMETER vend_analytics.identity TO trusted;
	CREATE SCHEMA workshop AUTHORIZATION builder;
	GRANT USAGE ON SCHEMA platform TO vend_api, vend_bi;
	GRANT SELECT ON platform.payments TO vend_api, vend_bi;
	CREATE PROCEDURE platform.commit_after_super(super text) LANGUAGE plpgsql AS $$
		BEGIN PERFORM set_config('app.current_user_id', super, false); COMMIT; END $$});
my $super = $node->safe_psql('strong', q{SELECT id FROM platform.users WHERE role = 'super_admin' ORDER BY id LIMIT 1});
my $admin = $node->safe_psql('strong', q{SELECT user_id FROM platform.garage_admins GROUP BY 1 HAVING count(DISTINCT garage_id) = 1 ORDER BY 1 LIMIT 1});
my $other = $node->safe_psql('strong', qq{SELECT id FROM platform.users WHERE id NOT IN ('$admin', '$super') ORDER BY id LIMIT 1});
$node->safe_psql('strong', qq{SELECT vend.map_login('mapped', '$admin'), vend.map_login('chief', '$super'), vend.map_login('recreated', '$super')});
my $policies = q{
	ALTER TABLE platform.payments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	CREATE POLICY scope ON platform.payments AS RESTRICTIVE USING (garage_id = ANY ((SELECT vend.visible_garages())::uuid[]));
	CREATE POLICY allow ON platform.payments FOR SELECT USING (garage_id = ANY ((SELECT vend.visible_garages())::uuid[]))};
$node->safe_psql('strong', $policies);
$node->safe_psql('postgres', 'CREATE DATABASE signed TEMPLATE strong');
$node->safe_psql('postgres', 'CREATE DATABASE weak TEMPLATE strong');
$node->safe_psql('postgres', q{
	ALTER DATABASE signed SET vend_analytics.identity = 'token';
	REVOKE TEMPORARY ON DATABASE signed FROM PUBLIC});
# What is often written: a setting that is believed, a map by name and current_user, tokens that are read and not checked.
$node->safe_psql('weak', q{
	DROP POLICY scope ON platform.payments;
	DROP POLICY allow ON platform.payments;
	CREATE TABLE platform.login_map AS SELECT login, user_id FROM vend_internal.login_map;
	DROP EXTENSION vend_analytics CASCADE;
	CREATE SCHEMA vend;
	GRANT USAGE ON SCHEMA vend TO PUBLIC;
	GRANT SELECT ON ALL TABLES IN SCHEMA platform TO PUBLIC;
	CREATE FUNCTION vend.current_user_id() RETURNS uuid STABLE LANGUAGE plpgsql AS $$
		BEGIN
			RETURN coalesce((SELECT user_id FROM platform.login_map WHERE login = current_user),
				nullif(current_setting('app.current_user_id', true), '')::uuid);
		END $$;
	CREATE FUNCTION vend.visible_garages() RETURNS uuid[] STABLE LANGUAGE plpgsql AS $$
		BEGIN
			RETURN (SELECT array_agg(g.id) FROM platform.garages g, platform.users u
				WHERE u.id = vend.current_user_id() AND (u.role = 'super_admin'
					OR EXISTS (SELECT FROM platform.garage_admins a WHERE a.user_id = u.id AND a.garage_id = g.id)));
		END $$;
	CREATE FUNCTION vend.sign_in(token text) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			claims text := translate(split_part(token, '.', 2), '-_', '+/');
		BEGIN
			claims := convert_from(decode(rpad(claims, (length(claims) + 3) / 4 * 4, '='), 'base64'), 'UTF8');
			PERFORM set_config('app.current_user_id', claims::jsonb ->> 'sub', true);
		END $$;} . $policies);
$node->safe_psql('postgres', q{GRANT TEMPORARY ON DATABASE weak TO PUBLIC});

# Everything that a client sees.
sub attempt
{
	my ($database, $login, $sql, $options) = @_;
	local $ENV{PGOPTIONS} = $options // '';
	my ($stdout, $stderr) = ('', '');
	$node->psql($database, "\\set VERBOSITY sqlstate\n$sql", stdout => \$stdout, stderr => \$stderr,
		extra_params => [ '-U', $login ], on_error_stop => 0);
	return "$stdout\n$stderr";
}

# The SQLSTATEs of the errors, but for what follows in a transaction that failed.
sub state { return join ' ', grep { $_ ne '25P02' } $_[0] =~ /ERROR:  (\w{5})/g }

# How many garages were seen, each time that the attack looked.
sub seen { return join ' ', $_[0] =~ /garages\D+(\d+)/g }
my $look = q{SELECT 'garages ' || count(DISTINCT garage_id) FROM platform.payments;};
my $look_inside = q{query_to_xml('SELECT count(DISTINCT garage_id) AS garages FROM platform.payments', true, false, '')};
my $as_admin = "BEGIN; SET LOCAL app.current_user_id = '$admin';";

# seen: what the last look must show; state: the errors on the way. Against the weak copy every garage must be seen.
sub attack
{
	my ($id, $name, %a) = @_;
	my $strong = attempt($a{database} // 'strong', $a{login} // 'app', $a{sql}, $a{options});
	my $weak = attempt($a{weak} // 'weak', $a{weak_login} // $a{login} // 'app', $a{weak_sql} // $a{sql}, $a{options});
	my ($last) = seen($strong) =~ /(\d+)$/;
	my $blocked = (!defined $a{seen} || defined $last && $last eq $a{seen}) && seen($strong) !~ /3/
		&& (!defined $a{state} || state($strong) eq $a{state}) && (!defined $a{never} || index($strong, $a{never}) < 0);
	my $bites = seen($weak) =~ /3/;
	ok($blocked && $bites, "$id: $name")
		or diag("blocked: " . ($blocked ? 'yes' : 'no') . ", bites: " . ($bites ? 'yes' : 'no') . "\nstrong: $strong\nweak: $weak");
}

is(seen(attempt('strong', 'app', "$as_admin $look")), '1', 'the garage admin sees one garage');
is(seen(attempt('strong', 'app', "BEGIN; SET LOCAL app.current_user_id = '$super'; $look")), '3', 'a super admin sees three');
is(seen(attempt('strong', 'app', $look)), '0', 'nobody sees none');

my $become = "set_config('app.current_user_id', '$super', true)";
attack('T1', 'another user in a CTE of one SELECT', state => '42501', seen => '1',
	sql => "$as_admin SAVEPOINT s; WITH x AS MATERIALIZED (SELECT $become) SELECT 'garages ' || count(DISTINCT garage_id) FROM x, platform.payments; ROLLBACK TO s; $look");
attack('T1', 'another user in one SELECT, then read by query_to_xml', state => '42501', seen => '1',
	sql => "$as_admin SAVEPOINT s; SELECT $become, $look_inside; ROLLBACK TO s; $look");
attack('T1b', 'by query_to_xml', state => '42501', seen => '1',
	sql => "$as_admin SAVEPOINT s; SELECT query_to_xml('SELECT ' || \$\$$become\$\$, true, false, ''), $look_inside; ROLLBACK TO s; $look");
attack('T1b', 'by DO with EXCEPTION', state => '', seen => '1',
	sql => "$as_admin DO \$\$ BEGIN PERFORM $become; EXCEPTION WHEN OTHERS THEN NULL; END \$\$; $look");
attack('T1b', 'by the SET clause of a function', login => 'builder', state => '42501', seen => '1',
	sql => "CREATE FUNCTION workshop.look() RETURNS text LANGUAGE sql SET app.current_user_id = '$super' AS \$\$ SELECT 'garages ' || count(DISTINCT garage_id) FROM platform.payments \$\$;
		$as_admin SAVEPOINT s; SELECT workshop.look(); ROLLBACK TO s; $look");
attack('T1b', 'by way of the empty value', state => '42501 42501', seen => '1',
	sql => "$as_admin SAVEPOINT s; SELECT set_config('app.current_user_id', '', true); ROLLBACK TO s; SELECT $become; ROLLBACK TO s; $look",
	weak_sql => "$as_admin SELECT set_config('app.current_user_id', '', true); SELECT $become; $look");
for my $reset ('RESET app.current_user_id', 'RESET ALL', 'SET app.current_user_id TO DEFAULT', q{SELECT set_config('app.current_user_id', NULL, true)})
{
	attack('T1c', "$reset to a startup option", options => "-c app.current_user_id=$super", seen => '0', state => '',
		sql => "$as_admin $reset; $look");
}
attack('T1c', 'a startup option alone', options => "-c app.current_user_id=$super", seen => '0', sql => $look);
attempt('strong', 'app', "ALTER ROLE app SET app.current_user_id = '$super'");
attack('T1c', 'ALTER ROLE SET', seen => '0', sql => $look);
attack('T1c', 'RESET to what ALTER ROLE set', seen => '0', sql => "$as_admin RESET app.current_user_id; $look");
attempt('strong', 'app', 'ALTER ROLE app RESET app.current_user_id');
attack('T1d', 'a user set in a savepoint that is rolled back', state => '42501', seen => '1',
	sql => "BEGIN; SAVEPOINT s; SET LOCAL app.current_user_id = '$admin'; ROLLBACK TO s; SAVEPOINT s; SET LOCAL app.current_user_id = '$super'; $look ROLLBACK TO s; SET LOCAL app.current_user_id = '$admin'; $look");
attack('T2', 'SET for the session, next transaction', seen => '0', sql => "SET app.current_user_id = '$super'; $look");
attack('T2', 'set_config for the session in a transaction, next one', seen => '0',
	sql => "BEGIN; SELECT set_config('app.current_user_id', '$super', false); COMMIT; $look");
# The weak copy's functions are IMMUTABLE for once, as is done for speed.
$node->safe_psql('weak', 'ALTER FUNCTION vend.current_user_id() IMMUTABLE; ALTER FUNCTION vend.visible_garages() IMMUTABLE');
attack('T3', 'a plan kept from a super admin', seen => '1',
	sql => "SET plan_cache_mode = force_generic_plan; PREPARE q AS SELECT 'seen ' || count(DISTINCT garage_id) FROM platform.payments;
		BEGIN; SET LOCAL app.current_user_id = '$super'; EXECUTE q; COMMIT; $as_admin EXECUTE q \\g (format=unaligned tuples_only=on) | sed s/seen/garages/");
$node->safe_psql('weak', 'ALTER FUNCTION vend.current_user_id() STABLE; ALTER FUNCTION vend.visible_garages() STABLE');
attack('T11', 'set_config of the role and query_to_xml in one SELECT', login => 'bi', seen => '0', state => '',
	sql => "BEGIN; SELECT set_config('role', 'chief', true), $look_inside; COMMIT");
is(state(attempt('strong', 'app', q{SELECT set_config('role', 'postgres', true), query_to_xml('SELECT 1', true, false, '')})), '42501',
	'T11: a role that one is not in (nothing to weaken: PostgreSQL refuses)');
attack('T13', 'SELECT INTO TEMP', sql => "SELECT 3 AS n INTO TEMP t; SELECT 'garages ' || n FROM t", state => '42501 42P01');
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
is(state(attempt('strong', 'app', "SELECT pg_terminate_backend($pid)")), '42501', 'T13: ending a process of somebody else (nothing to weaken: PostgreSQL refuses)');
$session->quit;
attack('T23', 'after an error', seen => '0', state => '22012', sql => "SET app.current_user_id = '$super'; BEGIN; SELECT 1 / 0; ROLLBACK; $look");
attack('T23', 'after PREPARE TRANSACTION', seen => '0', state => '',
	sql => "BEGIN; SELECT set_config('app.current_user_id', '$super', false); PREPARE TRANSACTION 'p'; $look ROLLBACK PREPARED 'p'");
attack('T23', 'after COMMIT in a procedure', seen => '0', state => '', sql => "CALL platform.commit_after_super('$super'); $look");
attack('T29', 'a BI login without a map', login => 'bi', seen => '0', sql => "BEGIN; SET LOCAL app.current_user_id = '$super'; $look");
attack('T29', 'a BI login with a map', login => 'mapped', weak_login => 'bi', seen => '1', sql => "BEGIN; SET LOCAL app.current_user_id = '$super'; $look");
$node->safe_psql('strong', 'DROP ROLE recreated; CREATE ROLE recreated LOGIN IN ROLE vend_bi');
attack('T30', 'a mapped role made anew', login => 'recreated', seen => '0', sql => $look);

# A cursor that was left open in a pool is documented as visible; DISCARD ALL is what pools send.
like(attempt('strong', 'app', "BEGIN; SET LOCAL app.current_user_id = '$super'; DECLARE c CURSOR WITH HOLD FOR SELECT 'seen ' || count(*) FROM platform.payments; COMMIT; DISCARD ALL; FETCH c"),
	qr/34000/, 'T3b: a cursor WITH HOLD is gone after DISCARD ALL (before it is accepted)');
unlike(attempt('strong', 'app', "\\set VERBOSITY verbose\nSET app.current_user_id = 'x'; SELECT vend.sign_in('x'); SELECT vend.monthly_amount(1, 'x', 1); SELECT vend.local_day(now(), 'x')"),
	qr/backtrace|\.rs:\d+:\d+|stack/i, 'T25: errors show no trace of the server, though RUST_BACKTRACE was set');

# Signed in: a token of the garage admin or of the super admin, changed as the attack asks.
sub token { return $tokens->sign(sub => $super, aud => 'signed', @_) }
sub sign_in { return "SELECT 'signed in' FROM vend.sign_in('$_[0]');" }
sub signed { my ($id, $name, $token, %a) = @_; attack($id, $name, database => 'signed', seen => '0', state => '28000', never => $token, sql => 'BEGIN; ' . sign_in($token) . 'COMMIT; ' . $look, weak_sql => 'BEGIN; ' . sign_in($token) . $look, %a) }

is(seen(attempt('signed', 'app', 'BEGIN; ' . sign_in(token(sub => $admin)) . $look)), '1', 'a token of the garage admin');
is(seen(attempt('signed', 'app', 'BEGIN; ' . sign_in(token()) . $look . 'COMMIT; ' . $look)), '3 0', 'a token of the super admin, for one transaction');
is(seen(attempt('strong', 'app', 'BEGIN; ' . sign_in(token(aud => 'strong', sub => $admin)) . "SET LOCAL app.current_user_id = '$admin'; RESET app.current_user_id; $look")), '1',
	'a token serves where the setting is believed too, and outlives it');

my $used = token();
attempt('signed', 'app', 'BEGIN; ' . sign_in($used) . ' ROLLBACK');
signed('T12', 'a token used before, in a transaction that was rolled back', $used);
my $failed = token(jti => 'x');
attempt('signed', 'app', 'BEGIN; ' . sign_in($failed) . ' SELECT 1 / 0');
signed('T12', 'the same number in another token', token(jti => 'x', more => ',"nbf":0'));
my $told = attempt('signed', 'app', '\\set VERBOSITY verbose' . "\nSELECT 'signed in' FROM vend.sign_in('$used')");
ok($told =~ /28000: token is not accepted/ && !grep({ index($told, $_) >= 0 } split(/\./, $used)), 'T12: no part of a token is told back')
	or diag($told);
signed('T12b', 'expired', token(life => -1));
signed('T12b', 'expires too far ahead', token(life => 3600));
signed('T12b', 'for another database', token(aud => 'strong'));
signed('T12b', 'for two databases', token(aud => 'x","aud":"signed'));
signed('T12b', 'alg none, signed', token(header => '{"alg":"none"}'));
signed('T12b', 'alg none, unsigned', do { my $t = token(header => '{"alg":"none"}'); $t =~ s/[^.]*$//r });
signed('T12b', 'alg HS256 with the public key as its secret', do {
	my ($message) = token(header => '{"alg":"HS256"}') =~ /(.*)\./;
	"$message." . encode_base64url(hmac_sha256($message, $public)) });
signed('T12b', 'cut', substr(token(), 0, -1));
signed('T12b', 'of a foreign key', token(key => 'foreign'));
signed('T12b', 'the claims of another token', do {
	my @good = split /\./, token(sub => $admin);
	my @wanted = split /\./, token();
	"$good[0].$wanted[1].$good[2]" });
signed('T12b', 'of a megabyte', token(more => ',"x":"' . 'x' x 1_000_000 . '"'));
{
	my ($own, $foreign) = (token(sub => $admin), token());
	attack('T12c', 'a second token, of another user', database => 'signed', state => '42501', seen => '1', never => $foreign,
		sql => 'BEGIN; ' . sign_in($own) . 'SAVEPOINT s; ' . sign_in($foreign) . $look . 'ROLLBACK TO s; ' . $look);
}
{
	my $foreign = token(aud => 'strong');
	attack('T12c', 'a token of another user than the setting fixed', state => '42501', seen => '1', never => $foreign,
		sql => "$as_admin SAVEPOINT s; " . sign_in($foreign) . $look . 'ROLLBACK TO s; ' . $look);
}
# Where the setting is believed this succeeds, as documented: that is what tokens are for.
attack('T1e', 'COMMIT; BEGIN; SET LOCAL', database => 'signed', weak => 'strong', seen => '0', state => '',
	sql => 'BEGIN; ' . sign_in(token(sub => $admin)) . "COMMIT; BEGIN; SET LOCAL app.current_user_id = '$super'; $look",
	weak_sql => "BEGIN; SET LOCAL app.current_user_id = '$admin'; COMMIT; BEGIN; SET LOCAL app.current_user_id = '$super'; $look");
attack('T1', 'the setting beside a token', database => 'signed', weak => 'weak', seen => '1', state => '',
	sql => 'BEGIN; ' . sign_in(token(sub => $admin)) . "SELECT $become; $look");
my $refused = token(aud => 'strong');
is(state(attempt('strong', 'mapped', 'BEGIN; ' . sign_in($refused))), '42501', 'T29: a BI login does not sign in (PostgreSQL refuses: not granted)');
$node->safe_psql('strong', 'GRANT vend_api TO mapped');
is(state(attempt('strong', 'mapped', 'BEGIN; ' . sign_in($refused))), '42501', 'T29: a mapped login does not sign in, though granted');
$node->safe_psql('strong', 'REVOKE vend_api FROM mapped; GRANT vend_api TO bi');
is(state(attempt('strong', 'bi', 'BEGIN; ' . sign_in($refused))), '42501', 'T29: nor does any login of vend_bi');
$node->safe_psql('strong', 'REVOKE vend_api FROM bi');

# The weak copy is a role that was granted the parameter.
attack('T33', 'SET vend_analytics.identity', database => 'signed', weak => 'signed', weak_login => 'trusted', seen => '0', state => '42501',
	sql => "SET vend_analytics.identity = 'setting'; BEGIN; SET LOCAL app.current_user_id = '$super'; $look");
attack('T33', 'vend_analytics.identity as a startup option', database => 'signed', weak => 'signed', weak_login => 'trusted',
	options => '-c vend_analytics.identity=setting', sql => "BEGIN; SET LOCAL app.current_user_id = '$super'; $look");
is(state(attempt('signed', 'app', q{ALTER ROLE app SET vend_analytics.identity = 'setting'})), '42501', 'T33: ALTER ROLE SET vend_analytics.identity (as above)');
for my $setting ("vend_analytics.token_public_key = '$public'", "vend_analytics.token_max_life = 3600")
{
	my ($name) = $setting =~ /(\S+)/;
	is(state(attempt('signed', 'app', "SET $setting; ALTER ROLE app SET $setting; ALTER SYSTEM SET $setting")), '55P02 55P02 42501',
		"T33: $name by SET, ALTER ROLE, ALTER SYSTEM (configuration file only)");
	is(state(attempt('signed', 'postgres', "SET $setting")), '55P02', "T33: $name by a superuser's SET");
	like(attempt('signed', 'app', $look, "-c $name=" . ($setting =~ /life/ ? 3600 : $public)), qr/FATAL.*cannot be changed now/, "T33: $name as a startup option");
}

# Who tried is seen by the administrator, though every one of those transactions failed.
my $refusals = q{SELECT login, sum((details ->> 'count')::int), count(id) > 0 FROM vend.audit_log WHERE event = 'sign_in_refused' GROUP BY 1 ORDER BY 1};
my ($tried) = $node->safe_psql('signed', $refusals) =~ /^app\|(\d+)\|f$/;
cmp_ok($tried, '>', 10, 'refused sign-ins are remembered, before anybody writes them down');
is($node->safe_psql('signed', q{SELECT bool_and(logged_at BETWEEN now() - interval '1 day' AND (details ->> 'until')::timestamptz AND (details ->> 'until')::timestamptz <= clock_timestamp())
	FROM vend.audit_log WHERE event = 'sign_in_refused'}), 't', 'with their times');
like($node->safe_psql('strong', $refusals), qr/^app\|\d+\|.*^bi\|1\|.*^mapped\|1\|/ms, 'each by its database, and those of BI and mapped logins, too');
is($node->safe_psql('postgres', "CREATE EXTENSION vend_analytics; $refusals"), '', 'none where none was refused');
is(state(attempt('signed', 'app', 'SELECT * FROM vend_internal.refused_sign_ins(false); SELECT * FROM vend_internal.audit_log')), '42501 42501', 'in memory for the administrator only');
like(attempt('signed', 'app', q{SELECT 'lines ' || count(*) FROM vend.audit_log}), qr/lines 0$/m, 'nobody sees the log');
like(attempt('signed', 'app', 'BEGIN; ' . sign_in(token(sub => $admin)) . q{SELECT 'lines ' || count(*) FROM vend.audit_log}), qr/lines 0$/m, 'nor does a garage admin');
like(attempt('signed', 'app', 'BEGIN; ' . sign_in(token()) . q{SELECT 'lines ' || count(*) FROM vend.audit_log}), qr/lines [1-9]/m, 'a super admin does');
# Written down by the scheduler, which looks at a database when a job is there; as often as one likes, it is one line for an hour.
$node->safe_psql('signed', q{SELECT vend.schedule('look', '@yearly', 'retention')});
ok($node->poll_query_until('signed', q{SELECT count(*) > 0 FROM vend_internal.audit_log WHERE event = 'sign_in_refused'}), 'the scheduler writes them into the log');
my $lines = q{SELECT count(*), sum((details ->> 'count')::int) FROM vend.audit_log WHERE event = 'sign_in_refused'};
is($node->safe_psql('signed', $lines) =~ /\|(\d+)/ ? $1 : '', $tried, 'and none is counted twice');
attempt('signed', 'app', sign_in('x') x 1000);
my $flooded = $node->safe_psql('signed', $lines);
is($node->safe_psql('signed', "SELECT vend_internal.keep_refusals(); SELECT vend_internal.keep_refusals(); SELECT vend_internal.write_audit('test', 'test'); $lines") =~ s/^\n+//r, $flooded, 'a thousand more are no more lines than there are hours');
my ($hours, $all) = split /\|/, $flooded;
ok($hours <= 3 && $all == $tried + 1000, "in $hours lines, and all $all are counted");

# Keys are turned over: both are accepted, then the new one alone; without a key no token is.
my $second = $tokens->public('foreign');
sub configure { $node->safe_psql('postgres', "ALTER SYSTEM SET vend_analytics.token_public_key = '$_[0]'"); $node->reload; $node->poll_query_until('postgres', "SELECT setting = '$_[0]' FROM pg_settings WHERE name = 'vend_analytics.token_public_key'") or die }
configure("$public,$second");
is(seen(attempt('signed', 'app', 'BEGIN; ' . sign_in(token()) . $look)), '3', 'the old key of two');
is(seen(attempt('signed', 'app', 'BEGIN; ' . sign_in(token(key => 'foreign')) . $look)), '3', 'the new key of two');
configure($second);
is(state(attempt('signed', 'app', sign_in(token()))), '28000', 'the old key after it was taken away');
configure('');
is(state(attempt('signed', 'app', sign_in(token()) . sign_in(token(key => 'foreign')))), '28000 28000', 'no key, no token');
is(state(attempt('postgres', 'postgres', q{ALTER SYSTEM SET vend_analytics.token_public_key = 'AAAA'})), '22023', 'what is no key is refused');

$node->stop;
done_testing();
