"""duckdb_peer.py QUERY.sql CONTENDER CONSUME PSQL...: adds DuckDB's times for the same question to bench.timing.

The query file loads bench.paid from CSV into DuckDB's own table and ends with the question. Its rows must equal the
contender's; then DuckDB, on two threads, and the contender are timed in turns.
"""
import decimal
import subprocess
import sys
import tempfile
import time

import duckdb

query_file, contender, consume, *psql = sys.argv[1:]
ROUNDS = 7


def sql(text):
    return subprocess.run([*psql, "-c", text], check=True, capture_output=True, text=True).stdout


def plain(value):
    """A value as text that both sides agree on."""
    return str(value.normalize() + 0) if isinstance(value, decimal.Decimal) else str(value)


with tempfile.TemporaryDirectory() as folder:
    paid = f"{folder}/paid.csv"
    with open(paid, "w", encoding="utf-8") as file:
        copy = """COPY (SELECT customer, valid_from AT TIME ZONE 'UTC', valid_to AT TIME ZONE 'UTC', monthly_amount
                  FROM bench.paid) TO STDOUT (FORMAT csv, HEADER)"""
        subprocess.run([*psql, "-c", copy], check=True, stdout=file)
    database = duckdb.connect(f"{folder}/duck.db")
    database.execute("SET threads = 2")
    with open(query_file, encoding="utf-8") as file:
        *loading, question, _ = file.read().split(";")
    for statement in loading:
        database.execute(statement.replace("{paid}", paid))

    ours = sql(f"SELECT * FROM bench.{contender} ORDER BY 1, 2").strip().splitlines()
    theirs = ["|".join(map(plain, row)) for row in database.execute(question).fetchall()]
    normal = ["|".join(plain(decimal.Decimal(v)) if v[:1].isdigit() and "-" not in v else v for v in row.split("|")) for row in ours]
    theirs = ["|".join(plain(decimal.Decimal(v)) if v[:1].isdigit() and "-" not in v else v for v in row.split("|")) for row in theirs]
    if normal != theirs:
        different = [pair for pair in zip(normal, theirs) if pair[0] != pair[1]][:3]
        sys.exit(f"DuckDB and {contender} differ ({len(normal)} and {len(theirs)} rows): {different}")

    for round_number in range(ROUNDS + 1):
        started = time.perf_counter()
        database.execute(question).fetchall()
        elapsed = 1000 * (time.perf_counter() - started)
        if round_number > 0:
            sql(f"INSERT INTO bench.timing VALUES ('duckdb', {round_number}, {elapsed})")
            sql(f"CALL bench.time_once('{contender}', '{consume}', {round_number})")
sql(f"INSERT INTO bench.fact VALUES ('peer', 'DuckDB {duckdb.__version__}, two threads, its own table')")
