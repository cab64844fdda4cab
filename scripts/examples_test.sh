#!/usr/bin/env bash
# Runs the examples and the demo's dashboards: real_occupancy.sh on a made-up file with one line of every kind of dirt, twice, and on the real
# file where it lies beside the checkout (it is not ours to ship).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load_postgres
# Before the outputs that are compared.
"$REPO/scripts/build.sh"
work="$REPO/target/examples_test"
mkdir -p "$work"
passed=0
failed=0

same() { # same NAME EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        printf 'not ok: %s\nexpected:\n%s\ngot:\n%s\n' "$1" "$2" "$3"
    fi
}
run() { "$REPO/examples/real_occupancy.sh" "$1" >"$work/output"; }
ask() { cluster_psql examples -q -At -d real_occupancy -c "$1"; }
# The counts of the first table, in its order.
counts() { sed -nE '/Lines of the file/,/^$/ s/^[^│]*│ *([0-9]+) │.*/\1/p' "$work/output" | paste -sd' '; }

# Both days are clock changes in Europe/London: 26 March 2017 has 23 hours, 29 October 25.
cat >"$work/dirty.csv" <<'CSV'
North,10,4,2017-03-25 08:05:00
North,10,5,2017-03-25 08:35:00
North,10,5,2017-03-25 08:35:00
North,10,7,2017-03-25 09:00:00
North,10,9,2017-03-25 09:00:00
North,10,-1,2017-03-25 10:00:00
North,10,12,2017-03-25 11:59:59
North,10,1,2017-03-26 09:10:00
North,10,1,2017-10-29 09:10:00
South,0,3,2017-03-25 08:00:00
South,x,3,2017-03-25 08:00:00
South,10,3,2017-02-31 08:00:00
CSV
run "$work/dirty.csv"
# In the file, unreadable, negative, repeated with the same and other values, used, above capacity, no capacity.
same "every line is counted" "12 2 1 1 1 7 1 1" "$(counts)"
same "an hour is the mean of its readings, and unknown without any" \
    "8 4.500000 45.00 f|9 9.000000 90.00 t|11 12.000000 120.00 t" \
    "$(ask "SELECT string_agg(concat_ws(' ', f.hour, o.hourly_occupancy -> f.hour, round(f.occupancy_rate, 2), f.is_peak_hour), '|' ORDER BY f.hour)
        FROM vend_staging.stg_garage_daily_occupancy o JOIN vend_staging.stg_garages g ON g.id = o.garage_id,
            vend.flatten_hourly(o.hourly_occupancy, g.capacity) AS f
        WHERE g.name = 'North' AND o.day = '2017-03-25'")"
same "hours count from midnight where the clock changes" "23 8|25 10" \
    "$(ask "SELECT string_agg(jsonb_array_length(o.hourly_occupancy) || ' ' || f.hour, '|' ORDER BY o.day)
        FROM vend_staging.stg_garage_daily_occupancy o, vend.flatten_hourly(o.hourly_occupancy) AS f
        WHERE o.day IN ('2017-03-26', '2017-10-29')")"
cp "$work/output" "$work/first"
run "$work/dirty.csv"
same "the second run prints the same" "$(cat "$work/first")" "$(cat "$work/output")"

real="$REPO/../shared/data/birmingham_parking/dataset.csv"
if [ -r "$real" ]; then
    run "$real"
    same "every line of the real file is counted" "$(wc -l <"$real")" "$(counts | awk '{ print $2 + $3 + $4 + $5 + $6 }')"
else
    echo "skipped: the real file is not at $real"
fi
# The demo's dashboards, over a demo of their own, with its cohorts and MRR against counting row by row.
psql() { cluster_psql examples -q -At "$@"; }
psql -d postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS demo WITH (FORCE)" -c "CREATE DATABASE demo"
psql -d demo -o /dev/null -c "SET client_min_messages = warning" -c "CREATE EXTENSION vend_analytics" -c "SELECT vend.create_demo()" \
    -c "SELECT vend.attach('vend_demo')" -c "SELECT vend.refresh()"
psql -d demo -c "DO \$\$ BEGIN CREATE ROLE demo_app LOGIN IN ROLE vend_api; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"
for page in garage_admin leadership freshness sign_in; do
    psql -d demo -f "$REPO/demo/$page.sql" >"$work/$page" || echo "demo/$page.sql failed" >>"$work/$page"
done
same "the garage admin's dashboard ends with the failed payments" 1 "$(grep -c '^Failed payments' "$work/garage_admin")"
same "the leadership dashboard ends with a row for each cohort and no cell of the future" "1 2 3 4 5 6 7 8 9 10 11 12" \
    "$(tail -n 12 "$work/leadership" | awk '{ print NF - 3 }' | sort -n | paste -sd' ')"
same "a changed payment is refreshed by a job" "1 change 0 changes succeeded" \
    "$(sed -nE 's/^(a payment \+ 1|after the job) +daily_revenue +([0-9]+ changes?) .*/\2/p; s/^the job.s run +([a-z]+),.*/\1/p' "$work/freshness" | paste -sd' ')"
same "a garage admin, leadership and nobody get three answers" "3 3" \
    "$(grep -cE '^(garage admin|leadership|nobody) +[0-9]+ garages' "$work/sign_in") $(sed -nE 's/^(garage admin|leadership|nobody) +([0-9]+) garages.*/\2/p' "$work/sign_in" | sort -u | wc -l)"
same "a timeline of the platform has the MRR and the customers of its rows" t \
    "$(psql -d demo -c "SELECT bool_and(vend.mrr_at(t, at) = mrr AND vend.customers_at(t, at) = customers)
        FROM (SELECT vend.timeline(user_id, valid_from, valid_to, monthly_amount) AS t FROM vend_marts.fact_subscription_periods) AS s,
            generate_series(now() - interval '2 years', now(), '73 days') AS at, LATERAL (
            SELECT vend.mrr(monthly_amount, valid_from, valid_to, at), count(DISTINCT user_id) FILTER (WHERE valid_from <= at AND at < valid_to)
            FROM vend_marts.fact_subscription_periods) AS r(mrr, customers)")"

"$REPO/scripts/tally.sh" examples "$passed" "$failed"
[ "$failed" -eq 0 ]
