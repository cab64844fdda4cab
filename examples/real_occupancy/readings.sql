-- The lines of the file as they are, and what each of them is. Nothing is dropped here, only named.
CREATE SCHEMA reading;
CREATE TABLE reading.line (
    number bigint GENERATED ALWAYS AS IDENTITY, code text, capacity text, occupancy text, at text
);

CREATE VIEW reading.parsed AS
SELECT number, code, capacity::int, occupancy::int, at::timestamp
FROM (SELECT number, btrim(code, E' \t\r'), btrim(capacity, E' \t\r'), btrim(occupancy, E' \t\r'), btrim(at, E' \t\r')
    FROM reading.line) AS field(number, code, capacity, occupancy, at)
-- CASE and not AND: only CASE keeps the casts from what they cannot read, such as 31 February.
WHERE CASE
    WHEN code = '' OR code || capacity || occupancy || at IS NULL THEN false
    WHEN capacity !~ '^-?\d{1,9}$' OR occupancy !~ '^-?\d{1,9}$' THEN false
    WHEN at !~ '^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$' THEN false
    ELSE substr(at, 9, 2)::int <= extract(day FROM (substr(at, 1, 7) || '-01')::date + interval '1 month' - interval '1 day')
END;

-- A garage cannot hold fewer than no cars: a negative reading says nothing. Of several readings of one car park at
-- one time the last line holds, as a correction would.
CREATE VIEW reading.judged AS
SELECT p.*, occupancy < 0 AS is_negative,
    occupancy >= 0 AND lead(number) OVER same IS NOT NULL AS is_repeat,
    lead((capacity, occupancy)) OVER same IS DISTINCT FROM (capacity, occupancy) AS is_conflicting
FROM reading.parsed p
WINDOW same AS (PARTITION BY code, at, occupancy < 0 ORDER BY number);
CREATE VIEW reading.valid AS SELECT * FROM reading.judged WHERE NOT is_negative AND NOT is_repeat;
