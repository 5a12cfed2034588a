"""bench-training.json: losses of the bench's models over 200 steps, smaller than in the bench, by the bench's own PyTorch code.

Initial values and examples come from a formula that the test computes too: number j of array k is
scale (2 w / 2^32 - 1) with w = mix(mix'(j, k)) as in `drawn`, rounded to float32.
"""

import sys

import numpy as np
import torch
from common import FOLDER, source, write

sys.path.insert(0, str(FOLDER.parent.parent / "bench" / "training" / "peers"))
import torch_models as models
import torch_steps as steps
from torch.nn.attention import SDPBackend

torch.set_default_dtype(torch.float32)

STEPS, FIRST, LAST, NUDGES = 200, 20, 20, 6
MLP = {"kind": "mlp", "shape": [784], "hidden": [256, 256], "outputs": 10}
SMALL = {"kind": "mlp", "shape": [196], "hidden": [128, 128], "outputs": 10}
LM = {"kind": "transformer", "vocabulary": 64, "tokens": 16, "layers": 2, "width": 32, "heads": 4, "hidden": 128}
ADAM = {"step": "train", "optimizer": "adam", "rate": 1e-3}
ADAMW = {"step": "train", "optimizer": "adamw", "rate": 1e-3, "decay": 0.01}
MOMENTUM = {"step": "train", "optimizer": "sgd", "rate": 0.01, "momentum": 0.9}


def images(channels, side, *inner):
    return {"kind": "cnn", "shape": [channels, side, side], "channels": list(inner), "dense": 64, "outputs": 10}


WORKLOADS = {
    "mlp": {"network": MLP, "batch": 16, "batches": STEPS, **ADAM},
    "cnn": {"network": images(1, 20, 16, 32), "batch": 8, "batches": STEPS, **ADAM},
    "wide-cnn": {"network": images(3, 16, 32, 64, 64), "batch": 2, "batches": STEPS, **ADAM, "rate": 3e-4},
    "resnet18": {
        "network": {"kind": "resnet", "shape": [3, 16, 16], "channels": [4, 8, 8, 16], "blocks": 2, "outputs": 10},
        "batch": 8,
        "batches": STEPS,
        **MOMENTUM,
        "rate": 1e-3,
    },
    "lm2": {"network": LM, "batch": 4, "batches": STEPS, **ADAMW},
    "lm4": {"network": {**LM, "layers": 4}, "batch": 4, "batches": STEPS, **ADAMW},
    "lora": {"network": LM, "batch": 4, "batches": STEPS, **ADAM, "step": "lora", "rank": 4},
    "logistic": {
        "network": {"kind": "mlp", "shape": [64], "hidden": [], "outputs": 2},
        "batch": 32,
        "batches": STEPS,
        **ADAM,
    },
    "tiny": {"network": {"kind": "mlp", "shape": [2], "hidden": [64], "outputs": 1}, "batch": 32, "batches": STEPS, **ADAM},
    "sam": {"network": SMALL, "batch": 32, "batches": STEPS, **MOMENTUM, "step": "sam"},
    "gam": {"network": SMALL, "batch": 32, "batches": STEPS, **MOMENTUM, "step": "gam"},
}


def mixed(x):
    """The bijection of 32-bit words of src/array/hash.ts."""
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x21F0AAAD)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x735A2D97)
    return x ^ (x >> np.uint32(15))


def words(k, count):
    """Words of array k."""
    j = np.arange(count, dtype=np.uint32)
    return mixed(mixed(j * np.uint32(0x9E3779B9)) + np.uint32(k))


def drawn(k, shape, scale):
    u = words(k, int(np.prod(shape))).astype(np.float64) * 2.0**-32
    return ((2 * u - 1) * scale).astype(np.float32).reshape(shape)


def scale_of(shape):
    """Embeddings too: they are as wide as what they feed."""
    return float(np.sqrt(3 / np.prod(shape[1:])))


def start_of(workload):
    """Initial values and examples under the bench's names, in the order of the model."""
    network = workload["network"]
    size = workload["batch"] * workload["batches"]
    if network["kind"] == "transformer":
        ids = (words(1000, size * (network["tokens"] + 1)) % network["vocabulary"]).astype(np.int32)
        ids = ids.reshape(size, -1)
        arrays = {"data/x": ids[:, :-1].copy(), "data/y": ids[:, 1:].copy()}
    elif network["outputs"] == 1:
        arrays = {"data/x": drawn(1000, [size, *network["shape"]], 2), "data/y": drawn(1001, [size, 1], 1)}
    else:
        labels = (words(1001, size) % network["outputs"]).astype(np.int32)
        arrays = {"data/x": drawn(1000, [size, *network["shape"]], 2), "data/y": labels}
    model = models.build(network)
    gains = {
        id(part.weight) for part in model.modules() if isinstance(part, (torch.nn.BatchNorm2d, torch.nn.LayerNorm))
    }
    for i, p in enumerate(models.in_order(model)):
        shape = list(p.shape)
        value = drawn(i, shape, scale_of(shape)) if p.ndim > 1 else np.full(shape, id(p) in gains, np.float32)
        arrays[f"params/{i}"] = value
    if workload["step"] == "lora":
        width, hidden, rank = network["width"], network["hidden"], workload["rank"]
        dense = [(3 * width, width), (width, width), (hidden, width), (width, hidden)] * network["layers"]
        for i, (out, inputs) in enumerate(dense):
            arrays[f"lora/{i}/down"] = drawn(2000 + 2 * i, [rank, inputs], scale_of([rank, inputs]))
            arrays[f"lora/{i}/up"] = drawn(2001 + 2 * i, [out, rank], 0.01)
    return arrays


def nudged(arrays, seed):
    """Initial weights moved by half a unit in the last place, up or down."""
    rng = np.random.default_rng(seed)
    change = lambda a: (a * (1 + rng.choice([-1, 1], a.shape) * 2.0**-24)).astype(np.float32)
    return {name: a if name.startswith("data/") else change(a) for name, a in arrays.items()}


def losses(workload, threads=1, dtype=torch.float32, plain=False, nudge=None):
    """`plain`: without oneDNN and without fused attention."""
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    torch.backends.mkldnn.enabled = not plain
    kind = np.float64 if dtype == torch.float64 else np.float32
    arrays = {name: a.astype(kind) if a.dtype == np.float32 else a for name, a in start_of(workload).items()}
    if nudge is not None:
        arrays = nudged(arrays, nudge)
    problem = steps.Problem(workload, arrays)
    begin, step = steps.steps_of(problem)
    begin()
    with torch.nn.attention.sdpa_kernel([SDPBackend.MATH] if plain else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
        values = [step(*problem.batches[i]).item() for i in range(STEPS)]
    return [float(f"{loss:.9g}") for loss in values[:FIRST] + values[STEPS - LAST :]]


def case(name, workload):
    print(name, flush=True)
    runs = {
        "float64": losses(workload, dtype=torch.float64),
        "oneThread": losses(workload),
        "twoThreads": losses(workload, threads=2),
        "plainKernels": losses(workload, plain=True),
        **{f"nudged{seed}": losses(workload, nudge=seed) for seed in range(NUDGES)},
    }
    early = np.array(list(runs.values()))[:, :FIRST]
    assert np.all(np.abs(early / early[0] - 1) < 1e-5), f"{name}: PyTorch strays from itself in the first steps"
    return {"name": name, "options": {**workload, "id": name}, "losses": runs}


write(
    "bench-training",
    source(
        "bench_training.py",
        note="losses before steps 1 to 20 and 181 to 200, a new batch each step: in float64; in float32 with one thread, with "
        "two, with one but without oneDNN and fused attention (`plainKernels`), and from weights that are moved by half a unit "
        "in the last place (`nudged`). How far two runs stray: the root mean square of the relative differences over the last "
        "20 steps. How far PyTorch strays from itself: the most between any two of these runs. One and two threads alone say "
        "little: many models give the same bits, and where they do not, it is chance whether a unit near zero (relu, max "
        "pooling) falls on another side in one of them, after which losses differ by percents",
    ),
    [case(name, workload) for name, workload in WORKLOADS.items()],
)
