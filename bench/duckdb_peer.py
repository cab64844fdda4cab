"""duckdb_peer.py QUERY.sql CONTENDER CONSUME PSQL...: adds DuckDB's times for the same question to bench.timing.

The query file loads tables of bench, from CSV where {table} stands for its file, into DuckDB's own and ends with the
question. Its rows must equal the contender's; then DuckDB, on two threads, and the contender are timed in turns.
"""
import decimal
import re
import subprocess
import sys
import tempfile
import time

import duckdb

query_file, contender, consume, *psql = sys.argv[1:]
ROUNDS = 7


def sql(text):
    return subprocess.run([*psql, "-c", text], check=True, capture_output=True, text=True).stdout


def export(table, path):
    """A table as CSV, with instants in UTC as DuckDB's TIMESTAMP wants them."""
    columns = sql(f"""SELECT string_agg(format(CASE atttypid WHEN 'timestamptz'::regtype THEN '%1$I AT TIME ZONE ''UTC'' AS %1$I'
                      ELSE '%I' END, attname), ', ' ORDER BY attnum)
                      FROM pg_attribute WHERE attrelid = 'bench.{table}'::regclass AND attnum > 0""").strip()
    with open(path, "w", encoding="utf-8") as file:
        copy = f"COPY (SELECT {columns} FROM bench.{table}) TO STDOUT (FORMAT csv, HEADER)"
        subprocess.run([*psql, "-c", copy], check=True, stdout=file)


def plain(value):
    """A value as text that both sides agree on: numbers without trailing zeros."""
    text = str(value)
    number = text[:1].isdigit() and "-" not in text
    return str(decimal.Decimal(text).normalize() + 0) if number else text


with tempfile.TemporaryDirectory() as folder:
    database = duckdb.connect(f"{folder}/duck.db")
    database.execute("SET threads = 2")
    with open(query_file, encoding="utf-8") as file:
        *loading, question, _ = file.read().split(";")
    for statement in loading:
        for table in re.findall(r"'\{(\w+)\}'", statement):
            export(table, f"{folder}/{table}.csv")
            statement = statement.replace(f"{{{table}}}", f"{folder}/{table}.csv")
        database.execute(statement)

    rows = sql(f"SELECT * FROM bench.{contender} ORDER BY 1, 2").strip().splitlines()
    ours = ["|".join(map(plain, row.split("|"))) for row in rows]
    theirs = ["|".join(map(plain, row)) for row in database.execute(question).fetchall()]
    if ours != theirs:
        different = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:3]
        sys.exit(f"DuckDB and {contender} differ ({len(ours)} and {len(theirs)} rows): {different}")

    for round_number in range(ROUNDS + 1):
        started = time.perf_counter()
        database.execute(question).fetchall()
        elapsed = 1000 * (time.perf_counter() - started)
        if round_number > 0:
            sql(f"INSERT INTO bench.timing VALUES ('duckdb', {round_number}, {elapsed})")
            sql(f"CALL bench.time_once('{contender}', '{consume}', {round_number})")
sql(f"INSERT INTO bench.fact VALUES ('peer', 'DuckDB {duckdb.__version__}, two threads, its own table')")
