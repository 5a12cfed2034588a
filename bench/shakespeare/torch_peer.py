"""The same training in PyTorch: reads weights, windows and the order of batches, prints losses as JSON."""

import json
import math
import os
import sys
import time
from pathlib import Path

job = json.loads(sys.argv[1])
for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(job["threads"])

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "training" / "peers"))
from torch_models import Transformer, fill, in_order

torch.set_num_threads(job["threads"])
with np.load(job["file"]) as file:
    arrays = {name: file[name] for name in file.files}

model = Transformer(job)
fill(in_order(model), [a for name, a in arrays.items() if name.startswith("params/")])
params = list(model.parameters())
optimizer = torch.optim.AdamW(
    [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": job["decay"]},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ],
    lr=job["rate"],
    fused=True,
)
steps = job["stepsPerEpoch"] * job["epochs"]
warm = job["warmup"] * steps


def factor(count):
    if count < warm:
        return (count + 1) / warm
    return (1 + math.cos(math.pi * (count - warm) / (steps - warm))) / 2


schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
x, y, held_x, held_y = (torch.from_numpy(arrays[name]).long() for name in ["train/x", "train/y", "held/x", "held/y"])
batches = torch.from_numpy(arrays["batches"]).long()


def loss_of(ids, target):
    return F.cross_entropy(model(ids).flatten(0, 1), target.flatten())


@torch.no_grad()
def held_loss():
    total = 0.0
    for i in range(0, len(held_x), 512):
        part = held_x[i : i + 512]
        total += loss_of(part, held_y[i : i + 512]).item() * len(part)
    return total / len(held_x)


curve, seconds = [], 0.0
for epoch in range(job["epochs"]):
    began, losses = time.perf_counter(), []
    for rows in batches[epoch * job["stepsPerEpoch"] : (epoch + 1) * job["stepsPerEpoch"]]:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x[rows], y[rows])
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    seconds += time.perf_counter() - began
    curve.append({"train": torch.stack(losses).mean().item(), "held": held_loss()})

versions = {"torch": torch.__version__, "python": sys.version.split()[0]}
print(json.dumps({"curve": curve, "seconds": seconds, "versions": versions}))
