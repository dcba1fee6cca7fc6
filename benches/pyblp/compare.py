"""Runs PyBLP and kyoso-demand on the same problems in one sitting and prints a table: `compare.py FOLDER OURS [REPETITIONS]`.

Each repetition runs both sides, one after the other, so that what else the machine does falls on both. CPU time is that of all threads and
processes; the least of the repetitions counts, since noise only ever adds. Answers that disagree end the program with an error.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Case, task, tolerance of the answers (absolute for mean utilities and prices, relative for estimates), repetitions of ours for one of theirs.
# PyBLP ends when the pricing condition, which is of the size of shares, is below 1e-12: with the automobiles' shares of 1e-6 that is a
# price to 1e-5.
TASKS = [
    ("automobiles", "estimate", 2e-5, 3),
    ("automobiles", "invert", 1e-11, 5),
    ("20x100", "invert", 1e-11, 5),
    ("50x500", "invert", 1e-11, 5),
    ("200x1000", "invert", 1e-11, 5),
    ("50x500-strong", "invert", 1e-11, 5),
    ("automobiles", "prices", 1e-4, 3),
    ("20x100", "prices", 1e-9, 5),
    ("50x500", "prices", 1e-9, 5),
    ("200x1000", "prices", 1e-9, 5),
    ("50x500-strong", "prices", 1e-9, 5),
]


def run(command, threads):
    """The JSON on the last line that a side prints, on so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    # PyBLP's own way to use processors is processes, which get one BLAS thread each.
    environment = os.environ | dict.fromkeys(names, "1") | {"RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def disagreement(task, ours, theirs):
    """Largest difference of the answers in the units of the tolerance."""
    if task != "estimate":
        # Where there is no equilibrium the two sides end somewhere, each elsewhere.
        found = ours["found"] or [True] * len(ours["values"])
        pairs = zip(found, ours["values"], theirs["values"], strict=True)
        return max(abs(a - b) for known, a, b in pairs if known)
    # The square of sigma is what is estimated, so its sign is free.
    pairs = zip(map(abs, ours["values"]), map(abs, theirs["values"]), strict=True)
    worst = max(abs(a - b) / b for a, b in pairs)
    if abs(ours["objective"] / theirs["objective"] - 1) > 1e-7:
        sys.exit(f"objectives {ours['objective']} and {theirs['objective']}")
    return worst


def compare(folder, binary, case, task, tolerance, times, repetitions, threads):
    """One line of the table."""
    theirs, ours = [], []
    for _ in range(repetitions):
        theirs.append(run([sys.executable, HERE / "theirs.py", folder, case, task, str(threads)], threads))
        ours.append(run([binary, folder, case, task, str(times)], threads))
    gap = disagreement(task, ours[-1], theirs[-1])
    if not gap <= tolerance:
        sys.exit(f"{case}, {task}: answers differ by {gap:.1e}, more than {tolerance:.0e}")
    wall = [t[0] for o in ours for t in o["times"]]
    cpu = [t[1] for o in ours for t in o["times"]]
    their_cpu, their_wall = [t["cpu"] for t in theirs], [t["wall"] for t in theirs]
    # Cells x one exponential: what the share evaluations would cost if they were nothing but exponentials.
    limit = 1e-9 * min(o["exp_ns"] for o in ours) * ours[0]["cells"]
    ms = lambda seconds: f"{1e3 * seconds:,.2f}" if seconds < 1 else f"{1e3 * seconds:,.0f}"
    print(
        f"| {case} | {task} | {threads} "
        f"| {ms(min(their_cpu))} ({ms(statistics.median(their_cpu))}) | {ms(min(cpu))} ({ms(statistics.median(cpu))}) | {min(their_cpu) / min(cpu):.0f} "
        f"| {ms(min(their_wall))} | {ms(min(wall))} | {min(their_wall) / min(wall):.0f} "
        f"| {theirs[0].get('evaluations', '')} | {ours[0]['evaluations']} | {ms(limit)} | {min(cpu) / limit:.1f} | {gap:.0e} |",
        flush=True,
    )


def main():
    """Makes the simulated cases, then prints the table."""
    folder, binary = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    repetitions = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    wanted = sys.argv[4:]
    folder.mkdir(parents=True, exist_ok=True)
    for case in ("20x100", "50x500", "200x1000", "50x500-strong"):
        subprocess.run([sys.executable, HERE / "theirs.py", folder, case, "make", "1"], check=True)
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    print(f"{model}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}\n")
    print(
        "| case | task | threads | PyBLP CPU ms: least (median) | ours | times faster | PyBLP wall ms | ours | times faster "
        "| PyBLP evaluations | ours | limit ms | ours / limit | answers differ by |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for threads in (1, 2):
        for case, task, tolerance, times in TASKS:
            # PyBLP inverts market by market in a single process here, with nothing around it.
            if (not wanted or task in wanted) and not (threads == 2 and task == "invert"):
                often = 1 if task == "estimate" else repetitions
                compare(folder, binary, case, task, tolerance, times, often, threads)


if __name__ == "__main__":
    main()
