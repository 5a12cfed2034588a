"""activations.json: activations, values and slopes."""

import torch
import torch.nn.functional as F
from common import source, write

# whole sixty-fourths on both sides of every kink, and on none of them
POINTS = torch.tensor([-9.5, -4.25, -3.046875, -1.71875, -0.640625, -0.328125, -0.015625, 0.03125, 0.296875, 0.84375, 1.640625, 2.9375, 5.515625, 6.25, 11.75])


def case(name, run, **options):
    x = POINTS.clone().requires_grad_()
    output = run(x, **options)
    (slope,) = torch.autograd.grad(output.sum(), x)
    return {"name": name, "options": options, "inputs": {"x": x}, "output": output, "gradients": {"x": slope}}


def gate(name):
    x = POINTS[:12].reshape(3, 4).clone().requires_grad_()
    a, b = x.chunk(2, -1)
    run = {"glu": lambda: F.glu(x), "reglu": lambda: a * F.relu(b), "geglu": lambda: a * F.gelu(b), "swiglu": lambda: a * F.silu(b)}
    output = run[name]()
    (slope,) = torch.autograd.grad(output.sum(), x)
    return {"name": name, "options": {}, "inputs": {"x": x}, "output": output, "gradients": {"x": slope}}


def prelu():
    x = POINTS[:12].reshape(2, 3, 2).clone().requires_grad_()
    slope = torch.tensor([0.25, -0.5, 1.5], requires_grad=True)
    output = F.prelu(x, slope)
    gx, gs = torch.autograd.grad(output.sum(), (x, slope))
    return {"name": "prelu", "options": {}, "inputs": {"x": x, "slope": slope}, "output": output, "gradients": {"x": gx, "slope": gs}}


write(
    "activations",
    source("activations.py", note="gradients of the sum of the outputs; glu, reglu, geglu and swiglu gate the first half of the last axis by the second; float64"),
    [
        case("gelu", F.gelu),
        case("geluTanh", lambda x: F.gelu(x, approximate="tanh")),
        case("silu", F.silu),
        case("mish", F.mish),
        case("leakyRelu", lambda x, slope: F.leaky_relu(x, slope), slope=0.125),
        case("elu", F.elu, alpha=1.5),
        case("celu", F.celu, alpha=0.5),
        case("selu", F.selu),
        case("relu6", F.relu6),
        case("hardtanh", lambda x, low, high: F.hardtanh(x, low, high), low=-0.5, high=2.0),
        case("hardsigmoid", F.hardsigmoid),
        case("hardswish", F.hardswish),
        case("softsign", F.softsign),
        case("logSigmoid", F.logsigmoid),
        case("tanhshrink", F.tanhshrink),
        case("softshrink", lambda x, by: F.softshrink(x, by), by=0.375),
        case("hardshrink", lambda x, by: F.hardshrink(x, by), by=0.375),
        case("threshold", lambda x, by, value: F.threshold(x, by, value), by=0.5, value=-2.0),
        case("softmin", lambda x: F.softmin(x, -1)),
        prelu(),
        gate("glu"),
        gate("reglu"),
        gate("geglu"),
        gate("swiglu"),
    ],
)
