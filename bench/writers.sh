#!/usr/bin/env bash
# Single-row durable inserts by four clients into a table whose changes are noted, and into one like it, in turns.
# Target: 95% of the transactions per second. What a note costs is time of the processor, so that it counts where a disk confirms
# at once: both are measured, this disk and one that takes a millisecond longer. Keeps it in bench/results/writers.md.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start bench
trap '"$REPO/scripts/cluster.sh" stop bench' EXIT
seconds=3 rounds=31

query() { cluster_psql bench -q -At -d bench "$@"; }
cluster_psql bench -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS bench" -c "CREATE DATABASE bench"
query -c "CREATE EXTENSION $EXTENSION" -f "$REPO/bench/lib/compare.sql" -f "$REPO/bench/lib/platform.sql" -o /dev/null \
    -c "CALL bench.make_platform('platform', 720, 0.5, 1)" \
    -c "SELECT * FROM vend.attach('platform'); SELECT * FROM vend.refresh()" \
    -c "CREATE TABLE platform.unwatched (LIKE platform.payments INCLUDING ALL);
        ALTER TABLE platform.unwatched ADD FOREIGN KEY (garage_id) REFERENCES platform.garages,
            ADD FOREIGN KEY (subscription_id) REFERENCES platform.subscriptions;
        INSERT INTO platform.unwatched TABLE platform.payments;
        CREATE TABLE bench.payer AS SELECT row_number() OVER () AS n, id, garage_id FROM platform.subscriptions;
        CREATE UNIQUE INDEX ON bench.payer (n); ANALYZE"
payers="$(query -c "SELECT count(*) FROM bench.payer")"
for table in payments unwatched; do
    cat >"$RUN_DIR/$table.sql" <<END
\\set n random(1, $payers)
INSERT INTO platform.$table (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), id, garage_id, 100, 3, 97, 'succeeded', 'usd', now(), now(), now() FROM bench.payer WHERE n = :n;
END
    chmod a+r "$RUN_DIR/$table.sql"
done
per_second() { # per_second TABLE SECONDS MICROSECONDS: what a flush takes longer
    PGOPTIONS="-c commit_delay=$3 -c commit_siblings=0" "$COPY_BIN/pgbench" -n -c 4 -j 2 -T "$2" -M prepared -f "$RUN_DIR/$1.sql" -h "$SOCKET_DIR" -p "$(cluster_port bench)" -U postgres bench |
        sed -nE 's/^tps = ([0-9.]+).*/\1/p'
}
for table in payments unwatched; do per_second "$table" 3 0 >/dev/null; done
for ((round = 1; round <= rounds; round++)); do
    # Each comes first as often as second: what a minute does to a machine it does to both.
    tables=(payments unwatched)
    ((round % 2)) && tables=(unwatched payments)
    for delay in 0 1000; do
        for table in "${tables[@]}"; do
            query -c "INSERT INTO bench.timing VALUES ('$delay $table', $round, $(per_second "$table" "$seconds" "$delay"))"
        done
        query -o /dev/null -c "SELECT vend.refresh()"
    done
done
{
    echo "# writers"
    echo
    echo "\`bench/writers.sh\`, $(date -u +%Y-%m-%d), commit $(git -C "$REPO" rev-parse --short HEAD), $(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"
    echo
    echo "Single-row inserts of payments by four clients for $seconds seconds at a time, synchronous_commit = $(query -c 'SHOW synchronous_commit')," \
        "fsync = $(query -c 'SHOW fsync'). Target: with notes 95% of the transactions per second without."
    echo
    echo "disk and table | runs | median tps | slowest | fastest | median of the rounds' shares"
    echo "---|---|---|---|---|---"
    query -F ' | ' -c "WITH runs AS (
            SELECT split_part(contender, ' ', 1)::int AS delay, split_part(contender, ' ', 2) AS relation, round, ms AS tps
            FROM bench.timing)
        SELECT concat(CASE delay WHEN 0 THEN 'this disk' ELSE 'a millisecond longer' END, CASE r.relation WHEN 'payments' THEN ', with notes' ELSE ', without' END),
            count(*), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.tps)), round(min(r.tps)), round(max(r.tps)),
            round((percentile_cont(0.5) WITHIN GROUP (ORDER BY 100 * r.tps / u.tps))::numeric, 1) || ' %'
        FROM runs r
        JOIN runs u USING (delay, round)
        WHERE u.relation = 'unwatched'
        GROUP BY delay, r.relation
        ORDER BY delay, r.relation DESC"
} >"$RUN_DIR/writers.md"
mv "$RUN_DIR/writers.md" "$REPO/bench/results/writers.md"
cat "$REPO/bench/results/writers.md"
