#!/usr/bin/env bash
# What jobs cost while none is due: pgbench on one server, in turns with the library preloaded and jobs scheduled, and
# without the library; and the processor time of the idle processes. Keeps it in bench/results/idle.md.
# Targets: 99% of the transactions per second, less than 0.1% of a core. What one percent is lost in, idle_instructions.sh counts.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
load_postgres
PROFILE=release "$REPO/scripts/build.sh"
load="$(cut -d ' ' -f 1 /proc/loadavg)"
seconds="${SECONDS_EACH:-5}" rounds="${ROUNDS:-15}" watched="${WATCHED:-180}"
trap '"$REPO/scripts/cluster.sh" stop idle' EXIT

query() { cluster_psql idle -q -At -d idle "$@"; }
pgbench() { "$COPY_BIN/pgbench" -h "$SOCKET_DIR" -p "$(cluster_port idle)" -U postgres "$@" idle; }
restart() {
    "$REPO/scripts/cluster.sh" stop idle 2>/dev/null
    PRELOAD="$1" "$REPO/scripts/cluster.sh" start idle
}
restart "$EXTENSION"
cluster_psql idle -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS idle" -c "CREATE DATABASE idle"
query -o /dev/null -c "CREATE EXTENSION $EXTENSION" \
    -c "CREATE TABLE idle_cost (script text, preloaded text, round int, tps float8, us float8)" \
    -c "SELECT vend.create_demo('vend_demo', garages => 2, customers_per_garage => 20, months => 3); SELECT vend.attach('vend_demo')" \
    -c "SELECT vend.refresh(); SELECT vend.schedule('job ' || i, 'every 700 hours', 'refresh') FROM generate_series(1, 50) AS i" \
    -c "ALTER SYSTEM SET autovacuum = off"
pgbench -q -i -s 5 2>/dev/null
query -o /dev/null -c "VACUUM ANALYZE"

# Of a process so far, in nanoseconds; and of the postmaster with all its processes that have ended, in milliseconds.
on_cpu() { cut -d ' ' -f 1 "/proc/$1/schedstat"; }
with_children() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) * 1000 / tick }' "/proc/$1/stat"; }
postmaster() { head -n 1 "$(cluster_dir idle)/data/postmaster.pid"; }
# The median of the ratios of neighbours in time: whatever else the machine does changes both. Where that is much, the server's
# processor time for a transaction still says what the library costs.
measure() {
    local output before tps transactions
    before="$(with_children "$(postmaster)")"
    output="$(pgbench -n -c 2 -j 1 -T "$3" -M prepared -b "$2" 2>/dev/null)"
    # The postmaster learns of the end of its processes.
    sleep 0.3
    tps="$(sed -nE 's/^tps = ([0-9.]+).*/\1/p' <<<"$output")"
    transactions="$(sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1/p' <<<"$output")"
    query -c "INSERT INTO idle_cost SELECT '$2', '$4', $1, $tps,
        1000.0 * ($(with_children "$(postmaster)") - $before) / $transactions"
}
for ((round = 1; round <= rounds; round++)); do
    # Who is first changes.
    if ((round % 2)); then order=("$EXTENSION" ""); else order=("" "$EXTENSION"); fi
    for preload in "${order[@]}"; do
        restart "$preload"
        for script in select-only tpcb-like; do
            pgbench -n -c 2 -j 1 -T 2 -M prepared -b "$script" >/dev/null 2>&1
            measure "$round" "$script" "$seconds" "$preload"
        done
    done
done

# Processor time in milliseconds while nobody is connected: "launcher postmaster-and-schedulers".
watch() {
    local launcher before_launcher=0 before after_launcher=0 after
    launcher="$(query -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'vend_analytics launcher'")"
    sleep 2
    before="$(with_children "$(postmaster)")"
    if [ -n "$launcher" ]; then before_launcher="$(on_cpu "$launcher")"; fi
    sleep "$1"
    after="$(with_children "$(postmaster)")"
    if [ -n "$launcher" ]; then after_launcher="$(on_cpu "$launcher")"; fi
    awk "BEGIN { printf \"%.2f %.0f\n\", ($after_launcher - $before_launcher) / 1e6, $after - $before }"
}
restart ""
read -r _ without <<<"$(watch "$watched")"
restart "$EXTENSION"
read -r launcher with <<<"$(watch "$watched")"

# Not idle, but what a look at a rollup without changes costs, from the start of its processes on.
query -o /dev/null -c "SELECT vend.schedule('look', 'every 1 second', 'refresh', 'daily_revenue')"
runs="$(query -c "SELECT count(*) FROM vend.job_runs")"
read -r _ busy <<<"$(watch 60)"
runs=$(($(query -c "SELECT count(*) FROM vend.job_runs") - runs))
query -o /dev/null -c "ALTER SYSTEM RESET ALL"

percent() { awk "BEGIN { printf \"%.4f %%\", $1 / 10 / $2 }"; }
{
    echo "# idle"
    echo
    echo "\`bench/idle.sh\`, $(date -u +%Y-%m-%d), commit $(git -C "$REPO" rev-parse --short HEAD), $(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
        "PostgreSQL $(query -c 'SHOW server_version'), load of the machine before and after $load to $(cut -d ' ' -f 1 /proc/loadavg)"
    echo
    echo "pgbench (scale 5, two clients, $seconds seconds, prepared, fsync = $(query -c 'SHOW fsync')) on a server that preloads the library and has 50 jobs, none of them due," \
        "and on the same one restarted without it, in turns. Target: 99 % of the transactions per second; the ratio is the median of those of neighbours."
    echo
    echo "script | runs of each | median tps without | with | median ratio of tps | lowest | highest | server's processor time of a transaction without | with | median ratio of it"
    echo "---|---|---|---|---|---|---|---|---|---"
    query -F ' | ' -c "
        WITH pair AS (
            SELECT script, b.tps AS tps_without, w.tps AS tps_with, b.us AS us_without, w.us AS us_with
            FROM idle_cost b JOIN idle_cost w USING (script, round) WHERE b.preloaded = '' AND w.preloaded <> ''),
        summary AS (
            SELECT script, count(*) AS runs, percentile_cont(ARRAY[0, 0.5, 1]) WITHIN GROUP (ORDER BY 100 * tps_with / tps_without) AS ratio,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY 100 * us_with / us_without) AS cost,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY tps_without) AS tps_without, percentile_cont(0.5) WITHIN GROUP (ORDER BY tps_with) AS tps_with,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY us_without) AS us_without, percentile_cont(0.5) WITHIN GROUP (ORDER BY us_with) AS us_with
            FROM pair GROUP BY script)
        SELECT script, runs, round(tps_without), round(tps_with), round(ratio[2]::numeric, 2) || ' %', round(ratio[1]::numeric, 1) || ' %', round(ratio[3]::numeric, 1) || ' %',
            round(us_without::numeric, 2) || ' us', round(us_with::numeric, 2) || ' us', round(cost::numeric, 2) || ' %'
        FROM summary ORDER BY script"
    echo
    echo "Processor time in $watched seconds in which nobody was connected and no job was due. Target: less than 0.1 % of a core."
    echo
    echo "what | ms | of a core"
    echo "---|---|---"
    echo "launcher | $launcher | $(percent "$launcher" "$watched")"
    echo "postmaster and all processes that ended, schedulers among them (ticks of $((1000 / $(getconf CLK_TCK))) ms) | $with | $(percent "$with" "$watched")"
    echo "the same without the library | $without | $(percent "$without" "$watched")"
    echo
    echo "For comparison, a job every second that finds nothing to refresh: $runs runs took $busy ms, $(awk "BEGIN { printf \"%.1f\", $busy / $runs }") ms a run with its processes' start and its scheduler," \
        "so four jobs every five minutes take $(awk "BEGIN { printf \"%.3f %%\", $busy / $runs * 4 / 3000 }") of a core."
} >"$RUN_DIR/idle.md"
mv "$RUN_DIR/idle.md" "$REPO/bench/results/idle.md"
cat "$REPO/bench/results/idle.md"
