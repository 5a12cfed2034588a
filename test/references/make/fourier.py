"""fourier.json: discrete Fourier transforms, values and gradients."""

import numpy as np
import torch
from common import grid, source, write

rng = np.random.default_rng(13)


def parts(z):
    return {"re": z.real, "im": z.imag} if z.is_complex() else {"re": z}


def case(op, shape, axes=(-1,), norm="backward", size=None):
    """Gradients of sum(upstream.re output.re) + sum(upstream.im output.im)."""
    real = op == "rfft"
    given = {"re": grid(rng, *shape), **({} if real else {"im": grid(rng, *shape)})}
    leaves = [t.requires_grad_() for t in given.values()]
    x = leaves[0] if real else torch.complex(*leaves)
    more = {"s": [*[x.shape[a] for a in axes[:-1]], size]} if size else {}
    output = parts(getattr(torch.fft, f"{op}n")(x, dim=axes, norm=norm, **more))
    upstream = {k: grid(rng, *t.shape) for k, t in output.items()}
    total = sum((upstream[k] * output[k]).sum() for k in output)
    return {
        "name": f"{op} {list(shape)} over {list(axes)} {norm}",
        "op": op,
        "options": {"axes": axes, "norm": norm, **({"size": size} if size else {})},
        "inputs": {"x": given, "upstream": upstream},
        "output": output,
        "gradients": dict(zip(given, torch.autograd.grad(total, leaves))),
    }


write(
    "fourier",
    source("fourier.py", note="torch.fft.fftn, ifftn, rfftn, irfftn; complex numbers as re and im; float64"),
    [
        case("fft", (2, 5)),
        case("fft", (1, 72)),
        case("fft", (67,), norm="ortho"),
        case("fft", (3, 4, 2), axes=(0, 1), norm="forward"),
        case("ifft", (2, 6)),
        case("ifft", (4, 3), axes=(-2, -1), norm="ortho"),
        case("ifft", (1, 134), norm="forward"),
        case("rfft", (2, 7)),
        case("rfft", (1, 96)),
        case("rfft", (4, 6), axes=(-2, -1)),
        case("rfft", (3, 4, 2), axes=(1, 0), norm="ortho"),
        case("irfft", (2, 4)),
        case("irfft", (2, 4), size=7),
        case("irfft", (1, 49)),
        case("irfft", (4, 3), axes=(-2, -1), norm="ortho"),
        case("irfft", (3, 2), axes=(-2, -1), norm="forward", size=3),
    ],
)
