"""recurrent.json: plain, gated and LSTM layers over sequences, with gradients."""

import numpy as np
import torch
from common import grid, source, write

rng = np.random.default_rng(12)


def layer(name, cell, make, gates, n, tokens, width, units, reverse=False):
    net = make(width, units)
    x = grid(rng, n, tokens, width)
    inputs = {
        "kernel": grid(rng, gates * units, width, scale=0.5),
        "inputBias": grid(rng, gates * units, scale=0.5),
        "recurrent": grid(rng, gates * units, units, scale=0.5),
        "recurrentBias": grid(rng, gates * units, scale=0.5),
    }
    upstream = grid(rng, n, tokens, units)
    with torch.no_grad():
        for parameter, value in zip(
            (net.weight_ih_l0, net.bias_ih_l0, net.weight_hh_l0, net.bias_hh_l0), inputs.values()
        ):
            parameter.copy_(value)
    leaf = x.clone().requires_grad_()
    output, _ = net(leaf.flip(1) if reverse else leaf)
    output = output.flip(1) if reverse else output
    names = ("x", "kernel", "inputBias", "recurrent", "recurrentBias")
    leaves = (leaf, net.weight_ih_l0, net.bias_ih_l0, net.weight_hh_l0, net.bias_hh_l0)
    gradients = torch.autograd.grad((upstream * output).sum(), leaves)
    return {
        "name": name,
        "options": {"cell": cell, "units": units, "reverse": reverse},
        "inputs": {"x": x, **inputs, "upstream": upstream},
        "output": output,
        "gradients": dict(zip(names, gradients)),
    }


def rnn(nonlinearity):
    return lambda i, h: torch.nn.RNN(i, h, nonlinearity=nonlinearity, batch_first=True)


def gru(i, h):
    return torch.nn.GRU(i, h, batch_first=True)


def lstm(i, h):
    return torch.nn.LSTM(i, h, batch_first=True)


write(
    "recurrent",
    source(
        "recurrent.py",
        note="torch.nn.RNN, GRU and LSTM, batch first, from a state of zeros; output: the states; gradients are of "
        "sum(upstream * output). Reverse: the tokens from the last to the first. float64",
    ),
    [
        layer("tanh, [2, 4, 3] to 2 units", "tanh", rnn("tanh"), 1, 2, 4, 3, 2),
        layer("relu, [3, 3, 2] to 3 units", "relu", rnn("relu"), 1, 3, 3, 2, 3),
        layer("gru, [2, 4, 3] to 2 units", "gru", gru, 3, 2, 4, 3, 2),
        layer("gru, reverse, [1, 3, 2] to 3 units", "gru", gru, 3, 1, 3, 2, 3, reverse=True),
        layer("lstm, [2, 4, 3] to 2 units", "lstm", lstm, 4, 2, 4, 3, 2),
        layer("lstm, [3, 5, 1] to 4 units", "lstm", lstm, 4, 3, 5, 1, 4),
    ],
)
