"""Times one training step of each implementation on the same cores, turn by turn.

usage: compare.py --build BUILD --out FILE.json [options]; --help lists them

Every implementation lives in a process of its own that waits while the others work. A round is one step of
each; before the timed step each does one untimed, so that caches and clocks are its own. Medians over rounds.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

PACKAGES = ("torch", "dictionary-learning", "sae-lens", "eai-sparsify")
BATCHES = 4  # different batches, used in turn


def arguments():
    parser = argparse.ArgumentParser(description="training step of sae.c and of other packages")
    parser.add_argument("--build", required=True, help="build folder with libsae.so")
    parser.add_argument("--out", help="where the JSON goes")
    parser.add_argument("--d", type=int, default=768)
    parser.add_argument("--n", type=int, default=12288, help="latents")
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--settle", type=int, default=300, help="training steps of sae.c before it is timed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", action="append", help="an implementation by name; may be repeated")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def power_law_rows(rng, problem):
    """[batch, d] with standard deviation j^-1/2 in dimension j, and three dimensions at 30 times that."""
    scale = np.arange(1, problem.d + 1) ** -0.5
    scale[[problem.d // 7, problem.d // 3, problem.d // 2]] *= 30
    return (rng.standard_normal((problem.batch, problem.d)) * scale).astype(np.float32)


def worker(problem):
    """Serves one implementation: reads a line with a number of steps, answers with the seconds of each."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what packages print is not an answer
    import torch
    from implementations import IMPLEMENTATIONS

    torch.set_num_threads(problem.threads)
    rng = np.random.default_rng(1)
    batches = [torch.from_numpy(power_law_rows(rng, problem)) for _ in range(BATCHES)]
    step, settle = IMPLEMENTATIONS[problem.worker][1](problem)
    done = 0
    for count in itertools.chain([settle], map(int, sys.stdin)):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            step(batches[done % BATCHES])
            seconds.append(time.perf_counter() - start)
            done += 1
        print(json.dumps(seconds), file=answers)


class Worker:
    def __init__(self, name):
        command = [sys.executable, __file__, *sys.argv[1:], "--worker", name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.answer(name)  # ready and settled: one at a time

    def answer(self, name="the step"):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{name} failed:\n{self.process.stderr.read()}")
        return json.loads(line)

    def step(self):
        self.process.stdin.write("2\n")
        self.process.stdin.flush()
        return self.answer()[-1]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def measure(problem, names):
    """{name: [seconds of each round]}"""
    workers = {}
    for name in names:
        print(f"starting {name}", file=sys.stderr, flush=True)
        workers[name] = Worker(name)
    seconds = {name: [] for name in names}
    for i in range(problem.rounds):
        print(f"round {i + 1} of {problem.rounds}", file=sys.stderr, flush=True)
        for name, one in workers.items():
            seconds[name].append(one.step())
    for one in workers.values():
        one.close()
    return seconds


def results(problem, implementations, seconds):
    """One record per implementation; ratio: median over rounds of its time / that of sae.c's same kind."""
    records = []
    for name, times in seconds.items():
        arch = implementations[name][0]
        ours = seconds.get(next((other for other, (kind, _) in implementations.items()
                                 if kind == arch and other.startswith("sae.c")), None))
        ratio = statistics.median(a / b for a, b in zip(times, ours)) if arch and ours else None
        records.append({"name": name, "arch": arch, "seconds": statistics.median(times), "fastest": min(times),
                        "slowest": max(times), "ratio": ratio, "tokens_per_s": problem.batch / statistics.median(times)})
    return records


def show(problem, records):
    print(f"One training step, seconds (median of {problem.rounds}): {problem.batch} rows, d = {problem.d}, "
          f"{problem.n} latents, k = {problem.k}, {problem.threads} threads")
    print(f"{'':38} {'median':>8} {'fastest':>8} {'slowest':>8} {'tokens/s':>9} {'× sae.c':>8}")
    for r in records:
        ratio = f"{r['ratio']:8.2f}" if r["ratio"] else ""
        print(f"{r['name']:38} {r['seconds']:8.3f} {r['fastest']:8.3f} {r['slowest']:8.3f} {r['tokens_per_s']:9.0f} {ratio}")


def main():
    problem = arguments()
    if problem.worker:
        return worker(problem)
    from implementations import IMPLEMENTATIONS

    names = problem.only or list(IMPLEMENTATIONS)
    records = results(problem, IMPLEMENTATIONS, measure(problem, names))
    show(problem, records)
    if problem.out:
        shape = {key: getattr(problem, key) for key in ("batch", "d", "n", "k", "threads", "rounds", "settle")}
        packages = {name: importlib.metadata.version(name) for name in PACKAGES}
        pathlib.Path(problem.out).write_text(
            json.dumps({"cpu": machine(), **shape, "packages": packages, "steps": records}, indent=1) + "\n")
        print(f"Wrote {problem.out}")


if __name__ == "__main__":
    main()
