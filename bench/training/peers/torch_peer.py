"""PyTorch as a contestant: eager, channels-last or compiled."""

import json
import os
import sys

for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(json.loads(sys.argv[1])["threads"])

import torch

from serve import arrays_of, serve, timed
from torch_steps import Problem, steps_of


def open_racer(job):
    torch.set_num_threads(job["threads"])
    problem = Problem(job["workload"], arrays_of(job), job["variant"])
    begin, step = steps_of(problem)
    batches = problem.batches

    def steps(count):
        return [step(*batches[i % len(batches)]) for i in range(count)]

    def run(count):
        begin()
        seconds, losses = timed(lambda: steps(count))
        return seconds, torch.stack(losses).tolist()

    return run, {"torch": torch.__version__, "python": sys.version.split()[0]}


serve(open_racer)
