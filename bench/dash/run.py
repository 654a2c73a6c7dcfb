#!/usr/bin/env python3
"""Dashboards of a wide SAE: what `sae dash` takes, and how fast `sae serve` answers from its database.

    run.py BUILD [TEXT] [--width 24576] [--tokens 3M] [--train 300k]

TEXT (default: BUILD/demo/text.txt, which demo/text.sh makes; documents are cut at lines %%%%) is read as often as it takes. An
SAE of the demo model is trained for a moment, so that its latents fire as those of a real one do. Everything is made in
BUILD/dash; what is there is not made again. Needs Python alone.
"""

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ["--model", ROOT / "demo/model"]


def arguments():
    parser = argparse.ArgumentParser(description="dashboards of a wide SAE: building and serving")
    parser.add_argument("build", type=Path)
    parser.add_argument("text", type=Path, nargs="?")
    parser.add_argument("--width", default="24576")
    parser.add_argument("--tokens", default="3M")
    parser.add_argument("--train", default="300k")
    options = parser.parse_args()
    options.text = options.text or options.build / "demo/text.txt"
    return options


def run(name, *words):
    """Runs a command; prints its seconds and the largest memory it took."""
    start = time.monotonic()
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, words))} failed")
    seconds = usage.ru_utime + usage.ru_stime
    print(f"{name:26} {seconds:8.1f} s of processor {time.monotonic() - start:8.1f} s of clock {usage.ru_maxrss / 2**20:6.2f} GiB", flush=True)


def serve(sae, database):
    server = subprocess.Popen([str(sae), "serve", str(database), "--port", "0"], stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if found := re.search(r" is at http://127\.0\.0\.1:(\d+)/", line):
            return server, http.client.HTTPConnection("127.0.0.1", int(found[1]))
    sys.exit("the server did not start")


def ask(connection, path):
    """Milliseconds until the whole answer is there, and its size as it was sent."""
    start = time.perf_counter()
    connection.request("GET", f"/api/v1{path}", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    size = len(answer.read())
    if answer.status != 200:
        sys.exit(f"{path}: status {answer.status}")
    return 1e3 * (time.perf_counter() - start), size / 1024


def ask_all(connection, sae, width):
    base = f"/saes/{sae}/latents"
    places = [0, 50, width // 2, width - 50]
    cases = {
        "latent page": [f"{base}/{i}?around=24" for i in range(7, width, width // 100)],
        "latent page, whole texts": [f"{base}/{i}?around=512" for i in range(7, width, width // 100)],
        "place in the table": [f"{base}/{i}/place?sort=n_active&dir=desc" for i in range(7, width, width // 20)],
        "table, sorted": [f"{base}?sort={c}&dir=desc&limit=50&offset={o}" for c in ("n_active", "max", "mean", "max_cos") for o in places],
        "table, sorted and filtered": [f"{base}?sort=max&limit=50&min_n_active=100&max_max_cos={c / 10}" for c in range(3, 10)],
        "search for a token": [f"{base}?tok={w}&limit=50" for w in ("the", "soft", "king", "zzz", "e", "%20a")],
    }
    for paths in cases.values():  # what was never read comes from the disk
        for path in paths:
            ask(connection, path)
    for name, paths in cases.items():
        times, sizes = zip(*(ask(connection, path) for path in paths))
        print(f"{name:26} median {statistics.median(times):6.2f} ms, at most {max(times):6.2f} ms; median {statistics.median(sizes):5.1f} KB, at most {max(sizes):5.1f} KB")


def main():
    o = arguments()
    sae, folder = o.build / "sae", o.build / "dash"
    folder.mkdir(exist_ok=True)
    text = ["--text", o.text, o.text, o.text, "--split", "%%%%"]
    if not (folder / "wide/cfg.json").exists():
        run("train", sae, "train", *MODEL, "--layer", 4, *text, "--arch", "batchtopk", "--width", o.width, "--k", 32, "--batch", 1024,
            "--tokens", o.train, "--max-tokens", "1M", "--out", folder / "wide")
    if not (folder / "wide.db").exists():
        run("sae dash", sae, "dash", folder / "wide", *MODEL, *text, "--max-tokens", o.tokens, "--out", folder / "wide.db")
    print(f"{'database':26} {(folder / 'wide.db').stat().st_size / int(o.width) / 1024:.1f} KB for each latent")
    server, connection = serve(sae, folder / "wide.db")
    try:
        ask_all(connection, "wide", int(o.width))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
