"""resize.json: interpolation, values and gradients."""

import numpy as np
import torch
import torch.nn.functional as F
from common import grid, source, write

rng = np.random.default_rng(12)
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def case(shape, mode, align=None, size=None, scale=None):
    x = grid(rng, *shape).requires_grad_()
    theirs = {"linear": LINEAR[len(shape) - 2], "cubic": "bicubic"}.get(mode, mode)
    output = F.interpolate(x, size=size, scale_factor=scale, mode=theirs, align_corners=align)
    upstream = grid(rng, *output.shape)
    (gx,) = torch.autograd.grad((upstream * output).sum(), x)
    options = {"mode": mode, **({"size": size} if size else {"scale": scale}), **({"alignCorners": align} if align is not None else {})}
    return {
        "name": f"{list(shape)} {options}",
        "options": options,
        "inputs": {"x": x, "upstream": upstream},
        "output": output,
        "gradients": {"x": gx},
    }


write(
    "resize",
    source("resize.py", note="torch.nn.functional.interpolate, no antialiasing; gradients of sum(upstream * output); float64"),
    [
        case((1, 2, 3, 2), "nearest", scale=2),
        case((1, 2, 5), "nearest", size=7),
        case((1, 1, 6, 9), "nearest", size=(3, 3)),
        case((1, 1, 5, 4), "nearest", size=(3, 6)),
        case((1, 1, 5, 4), "nearest-exact", size=(3, 6)),
        case((1, 1, 7), "nearest", scale=0.6),
        case((1, 2, 4), "linear", False, size=7),
        case((1, 2, 4), "linear", True, size=7),
        case((1, 1, 4, 5), "linear", False, size=(8, 3)),
        case((1, 1, 4, 5), "linear", True, size=(8, 3)),
        case((1, 1, 3, 5), "linear", False, scale=1.7),
        case((1, 1, 4, 3), "linear", False, size=(4, 6)),
        case((1, 1, 2, 3, 2), "linear", False, size=(3, 5, 4)),
        case((1, 1, 2, 3, 2), "linear", True, size=(3, 1, 4)),
        case((1, 1, 4, 5), "cubic", False, size=(7, 9)),
        case((1, 1, 4, 5), "cubic", True, size=(7, 3)),
        case((1, 1, 6, 6), "cubic", False, size=(3, 2)),
        case((1, 1, 6, 7), "area", size=(4, 3)),
    ],
)
