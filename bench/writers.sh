#!/usr/bin/env bash
# Single-row durable inserts by four clients into a table whose changes are noted, and into one like it, in turns of half a second:
# both have their clients connected all the time, and those of one are stopped. Target: 95% of the transactions per second. What a
# note costs is time of the processor, so that it counts where a disk confirms at once: both are measured, this disk and one that
# takes a millisecond longer. Keeps it in bench/results/writers.md.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
"$REPO/scripts/cluster.sh" start bench
clients=()
end() {
    [ ${#clients[@]} -eq 0 ] || kill -KILL "${clients[@]}"
    "$REPO/scripts/cluster.sh" stop bench
}
trap end EXIT
# Of four turns each.
rounds=96 rounds_of_slower_disk=24

query() { cluster_psql bench -q -At -d bench "$@"; }
cluster_psql bench -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS bench" -c "CREATE DATABASE bench"
query -c "CREATE EXTENSION $EXTENSION" -f "$REPO/bench/lib/compare.sql" -f "$REPO/bench/lib/platform.sql" -o /dev/null \
    -c "CALL bench.make_platform('platform', 720, 0.5, 1)" \
    -c "SELECT * FROM vend.attach('platform'); SELECT * FROM vend.refresh()" \
    -c "CREATE TABLE platform.unwatched (LIKE platform.payments INCLUDING ALL);
        ALTER TABLE platform.unwatched ADD FOREIGN KEY (garage_id) REFERENCES platform.garages,
            ADD FOREIGN KEY (subscription_id) REFERENCES platform.subscriptions;
        INSERT INTO platform.unwatched TABLE platform.payments;
        CREATE TABLE bench.turn (delay int, round int, relation text, began float8, ended float8);
        CREATE TABLE bench.payer AS SELECT row_number() OVER () AS n, id, garage_id FROM platform.subscriptions;
        CREATE UNIQUE INDEX ON bench.payer (n)" \
    -c "REINDEX TABLE platform.payments; REINDEX TABLE platform.unwatched" -c "VACUUM ANALYZE"
payers="$(query -c "SELECT count(*) FROM bench.payer")"
for table in payments unwatched; do
    cat >"$RUN_DIR/$table.sql" <<END
\\set n random(1, $payers)
INSERT INTO platform.$table (id, subscription_id, garage_id, amount, stripe_fee, net_amount, status, currency, payment_date, created_at, updated_at)
SELECT gen_random_uuid(), id, garage_id, 100, 3, 97, 'succeeded', 'usd', now(), now(), now() FROM bench.payer WHERE n = :n;
END
    chmod a+r "$RUN_DIR/$table.sql"
done
notes="$(query -c "SELECT string_agg(DISTINCT t.notes::text, ', ') FROM vend_internal.rollups r CROSS JOIN LATERAL vend_internal.notes_tables(r.name) t")"
turns="$RUN_DIR/turns.csv"
: >"$turns"
for delay in 0 1000; do
    declare -A client=()
    for table in payments unwatched; do
        PGOPTIONS="-c commit_delay=$delay -c commit_siblings=0" "$COPY_BIN/pgbench" -n -c 4 -j 2 -T 36000 -M prepared -f "$RUN_DIR/$table.sql" \
            -h "$SOCKET_DIR" -p "$(cluster_port bench)" -U postgres bench >/dev/null 2>&1 &
        client[$table]=$!
        disown
    done
    clients=("${client[@]}")
    sleep 3
    kill -STOP "${clients[@]}"
    for ((round = 0; round < (delay ? rounds_of_slower_disk : rounds); round++)); do
        # What a second does to a machine it does to both.
        order=(payments unwatched unwatched payments)
        ((round % 2)) && order=(unwatched payments payments unwatched)
        # As a job and autovacuum do every minute.
        ((round % 7)) || query -o /dev/null -c "SELECT vend.refresh()" -c "VACUUM $notes"
        for table in "${order[@]}"; do
            began="$(date +%s.%N)"
            kill -CONT "${client[$table]}"
            sleep 0.5
            kill -STOP "${client[$table]}"
            echo "$delay,$round,$table,$began,$(date +%s.%N)" >>"$turns"
            sleep 0.02
        done
    done
    kill -KILL "${clients[@]}"
    clients=()
done
query -c "\\copy bench.turn FROM '$turns' (FORMAT csv)" \
    -c "CREATE TABLE bench.inserted AS
        SELECT r.relation, extract(epoch FROM r.created_at AT TIME ZONE 'UTC')::float8 AS at
        FROM (SELECT 'payments' AS relation, created_at FROM platform.payments UNION ALL SELECT 'unwatched', created_at FROM platform.unwatched) AS r
        WHERE r.created_at > (SELECT to_timestamp(min(began)) AT TIME ZONE 'UTC' FROM bench.turn);
        CREATE INDEX ON bench.inserted (relation, at);
        ANALYZE bench.inserted;
        CREATE VIEW bench.round AS
        SELECT t.delay, t.round, t.relation, sum(n.rows) / sum(t.ended - t.began) AS tps
        FROM bench.turn t
        CROSS JOIN LATERAL (SELECT count(*) AS rows FROM bench.inserted i WHERE i.relation = t.relation AND i.at >= t.began AND i.at < t.ended OFFSET 0) AS n
        GROUP BY t.delay, t.round, t.relation"
{
    echo "# writers"
    echo
    echo "\`bench/writers.sh\`, $(date -u +%Y-%m-%d), commit $(git -C "$REPO" rev-parse --short HEAD), $(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"
    echo
    echo "Single-row inserts of payments by four clients, in rounds of four turns of half a second, synchronous_commit = $(query -c 'SHOW synchronous_commit')," \
        "fsync = $(query -c 'SHOW fsync'). Target: with notes 95% of the transactions per second without."
    echo
    echo "disk and table | rounds | median tps | slowest | fastest | median of the rounds' shares | its standard error"
    echo "---|---|---|---|---|---|---"
    # That of a median is 1.25 times that of a mean.
    query -F ' | ' -c "SELECT concat(CASE r.delay WHEN 0 THEN 'this disk' ELSE 'a millisecond longer' END, CASE r.relation WHEN 'payments' THEN ', with notes' ELSE ', without' END),
            count(*), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY r.tps)), round(min(r.tps)), round(max(r.tps)),
            round((percentile_cont(0.5) WITHIN GROUP (ORDER BY 100 * r.tps / u.tps))::numeric, 1) || ' %',
            round((1.25 * stddev(100 * r.tps / u.tps) / sqrt(count(*)))::numeric, 1)
        FROM bench.round r
        JOIN bench.round u USING (delay, round)
        WHERE u.relation = 'unwatched'
        GROUP BY r.delay, r.relation
        ORDER BY r.delay, r.relation DESC"
} >"$RUN_DIR/writers.md"
mv "$RUN_DIR/writers.md" "$REPO/bench/results/writers.md"
cat "$REPO/bench/results/writers.md"
