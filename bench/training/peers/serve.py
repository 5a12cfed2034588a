"""A contestant in Python as a child process; the other side is serve.ts, the words are its words."""

import json
import sys
import time
import traceback

import numpy as np

TOLD = 20


class Cannot(Exception):
    """What a contestant cannot do, with the reason."""


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def arrays_of(job):
    """The initial values and examples by name, in the order of the file."""
    with np.load(job["file"]) as file:
        return {name: file[name] for name in file.files}


def under(prefix, arrays):
    return {name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)}


def batches_of(workload, arrays):
    """Examples by batch: a list of (x, y)."""
    split = lambda a: np.split(a, workload["batches"])
    return list(zip(split(arrays["data/x"]), split(arrays["data/y"])))


def serve(open_racer):
    """`open_racer(job)` gives (run, versions); run(steps) begins at the initial values and gives (seconds, losses)."""
    try:
        run, versions = open_racer(json.loads(sys.argv[1]))
        _, losses = run(1)
        say(first=losses[0], versions=versions)
        for line in sys.stdin:
            seconds, losses = run(json.loads(line)["run"])
            say(seconds=seconds, losses=losses[:TOLD])
    except Cannot as problem:
        say(cannot=str(problem))
    except Exception:
        say(error=traceback.format_exc())


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
