"""memory.py PSQL...: the memory that a summary takes at most, its result included, per customer or user.

Samples the anonymous resident memory of one process every millisecond while it aggregates; needs Linux.
"""
import subprocess
import sys
import threading
import time

QUESTIONS = [
    ("timeline", "customer", "vend.timeline(customer, valid_from, valid_to, monthly_amount)", "paid"),
    ("activity", "user", "vend.activity(entity, at, 'UTC')", "events"),
]


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


def measure(aggregate, table):
    """Bytes above what the process had before."""
    session = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(query):
        session.stdin.write(query + ";\n")
        return session.stdout.readline().strip()

    pid = ask("SET max_parallel_workers_per_gather = 0; SET jit = off; SELECT pg_backend_pid()")
    while not pid.isdigit():
        pid = session.stdout.readline().strip()
    base, peak, done = resident(pid), [0], threading.Event()

    def sample():
        while not done.is_set():
            peak[0] = max(peak[0], resident(pid))
            time.sleep(0.001)

    sampler = threading.Thread(target=sample)
    sampler.start()
    ask(f"SELECT length({aggregate}::bytea) FROM bench.{table}")
    done.set()
    sampler.join()
    session.stdin.close()
    session.wait()
    return peak[0] - base


for name, who, aggregate, table in QUESTIONS:
    column = aggregate[aggregate.index("(") + 1:aggregate.index(",")]
    count = int(subprocess.run([*sys.argv[1:], "-c", f"SELECT count(DISTINCT {column}) FROM bench.{table}"],
                               check=True, capture_output=True, text=True).stdout)
    most = max(measure(aggregate, table) for _ in range(5))
    print(f"{name} | {count} | {most / 2**20:.1f} MiB | {most / count:.0f} bytes a {who}")
