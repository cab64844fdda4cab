-- vend.sign_in without a key: whatever is sent, one message. What is signed is accepted or refused in tests/attacks/identity.t.
\set SHOW_CONTEXT never
SHOW vend_analytics.identity;
SHOW vend_analytics.token_public_key;
SHOW vend_analytics.token_max_life;
SELECT vend.sign_in(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT vend.sign_in('');
SELECT vend.sign_in('eyJhbGciOiJFZERTQSJ9.e30.');
SELECT vend.sign_in(repeat('x', 1000000));
SET vend_analytics.token_public_key = 'AAAA';
\echo :LAST_ERROR_SQLSTATE
ALTER SYSTEM SET vend_analytics.token_public_key = 'secret';
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
ALTER SYSTEM SET vend_analytics.token_max_life = 0;
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE
ALTER SYSTEM SET vend_analytics.identity = 'both';
\echo :LAST_ERROR_SQLSTATE
ALTER SYSTEM SET app.current_user_id = '00000000-0000-0000-0000-00000000000a';
\echo :LAST_ERROR_SQLSTATE
SET vend_analytics.identty = 'token';
\echo :LAST_ERROR_SQLSTATE
-- Believing tokens only, the setting takes any user, one after the other, and none counts.
BEGIN;
SET LOCAL vend_analytics.identity = 'token';
SET LOCAL app.current_user_id = '00000000-0000-0000-0000-00000000000a';
SET LOCAL app.current_user_id = '00000000-0000-0000-0000-00000000000b';
SELECT vend_internal.claimed_user();
-- Nor does it when the setting is believed again: nothing was fixed.
SET LOCAL vend_analytics.identity = 'setting';
SELECT vend_internal.claimed_user();
SET LOCAL app.current_user_id = '00000000-0000-0000-0000-00000000000b';
SELECT vend_internal.claimed_user();
SET LOCAL vend_analytics.identity = 'token';
SELECT vend_internal.claimed_user();
SET LOCAL app.current_user_id = 'x';
ROLLBACK;
-- A mapped login has a user of its own, and is told so before its token is looked at.
CREATE ROLE regress_sign_in LOGIN IN ROLE vend_api;
SELECT vend.map_login('regress_sign_in', '00000000-0000-0000-0000-00000000000a');
SET SESSION AUTHORIZATION regress_sign_in;
SELECT vend.sign_in('x');
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
SELECT vend.unmap_login('regress_sign_in');
GRANT vend_bi TO regress_sign_in;
SET SESSION AUTHORIZATION regress_sign_in;
SELECT vend.sign_in('x');
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
DROP ROLE regress_sign_in;
