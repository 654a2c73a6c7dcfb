"""What the peer benchmarks that run the sae command share."""

import json
import resource
import subprocess
import sys
import tempfile
import time

SEPARATOR = "%%%%"  # a line of its own between the documents of the demo's text


def timed(command):
    """(stdout, {"seconds", "processor"}) of a command: by the clock, and user + system of its process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, {"seconds": seconds,
                         "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def in_a_worker(tool, script, folder):
    """What `script` prints as JSON when it runs itself, with the same options, as the worker for one run of a peer in `folder`."""
    command = [sys.executable, script, *sys.argv[1:], "--worker", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{tool} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def bf16_is_there(build, model, text):
    """Whether this machine and build run the model in bf16: asked on a few tokens."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([f"{build}/sae", "harvest", "--model", model, "--text", text, "--layer", "0", "--max-tokens", "1k",
                               "--precision", "bf16", "--out", f"{folder}/acts"], capture_output=True).returncode == 0
