"""windows.json: convolutions and poolings of three dimensions, transposed convolutions; values and gradients."""

import numpy as np
import torch
import torch.nn.functional as F
from common import grid, source, write

rng = np.random.default_rng(11)


def case(name, run, inputs, options):
    output = run(*inputs.values(), **options)
    upstream = grid(rng, *output.shape)
    gradients = torch.autograd.grad((upstream * output).sum(), tuple(inputs.values()))
    return {
        "name": f"{name} {' '.join(str(list(t.shape)) for t in inputs.values())} {options}",
        "op": name,
        "options": options,
        "inputs": {**inputs, "upstream": upstream},
        "output": output,
        "gradients": dict(zip(inputs, gradients)),
    }


def conv3d(x, kernel, **options):
    return case("conv3d", F.conv3d, {"x": leaf(x), "kernel": leaf(kernel)}, options)


def transposed(x, kernel, **options):
    run = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][len(x) - 3]
    return case(f"conv_transpose{len(x) - 2}d", run, {"x": leaf(x), "kernel": leaf(kernel)}, options)


def pool(name, x, **options):
    order = torch.tensor(rng.permutation(int(np.prod(x))).reshape(x) / 8.0 - 1, requires_grad=True)
    return case(name, getattr(F, name), {"x": order}, options)


def leaf(shape):
    return grid(rng, *shape).requires_grad_()


write(
    "windows",
    source(
        "windows.py",
        note="x [n, c, ...spatial]; kernels of conv3d [out, c / groups, ...window], of transposed convolutions "
        "[c, out / groups, ...window]; gradients of sum(upstream * output); float64",
    ),
    [
        conv3d((1, 2, 3, 4, 3), (2, 2, 2, 3, 2), padding=1),
        conv3d((1, 4, 4, 3, 5), (2, 2, 2, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1), groups=2),
        conv3d((1, 1, 5, 4, 4), (2, 1, 2, 2, 2), dilation=(2, 1, 3)),
        transposed((2, 2, 4), (2, 3, 3), stride=2, padding=1, output_padding=1),
        transposed((1, 4, 3), (4, 1, 2), stride=3, output_padding=2, groups=2),
        transposed((1, 2, 3, 3), (2, 2, 3, 3)),
        transposed((1, 2, 3, 2), (2, 2, 4, 4), stride=2, padding=1),
        transposed((1, 4, 3, 2), (4, 2, 3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2),
        transposed((1, 2, 3, 4), (2, 1, 2, 3), dilation=(3, 2), padding=(2, 1)),
        transposed((1, 2, 2, 2, 2), (2, 2, 2, 3, 2), stride=2, padding=(0, 1, 0), output_padding=(1, 0, 1)),
        pool("max_pool3d", (1, 2, 4, 4, 2), kernel_size=2, stride=2),
        pool("max_pool3d", (1, 1, 4, 3, 4), kernel_size=3, stride=2, padding=1),
        pool("avg_pool3d", (1, 2, 4, 2, 4), kernel_size=2, stride=2),
        pool("avg_pool3d", (1, 1, 3, 4, 4), kernel_size=3, stride=1, padding=1),
    ],
)
