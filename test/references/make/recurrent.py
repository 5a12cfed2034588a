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


def packed(name, cell, make, n, tokens, width, units, layers, lengths):
    """The last state of padded sequences of these lengths, by packed sequences."""
    net = make(width, units, layers)
    x = grid(rng, n, tokens, width)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(grid(rng, *parameter.shape, scale=0.5))
    upstream = grid(rng, n, units)
    leaf = x.clone().requires_grad_()
    rows = torch.nn.utils.rnn.pack_padded_sequence(leaf, lengths, batch_first=True, enforce_sorted=False)
    last = net(rows)[1]
    last = (last[0] if isinstance(last, tuple) else last)[-1]
    by_layer = [
        [getattr(net, f"{kind}_l{i}") for kind in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")] for i in range(layers)
    ]
    flat = [p for layer in by_layer for p in layer]
    gradients = torch.autograd.grad((upstream * last).sum(), [leaf, *flat])
    kinds = ("kernel", "inputBias", "recurrent", "recurrentBias")
    return {
        "name": name,
        "options": {"cell": cell, "units": units, "lengths": lengths},
        "inputs": {"x": x, "layers": [dict(zip(kinds, layer)) for layer in by_layer], "upstream": upstream},
        "output": last,
        "gradients": {
            "x": gradients[0],
            "layers": [dict(zip(kinds, gradients[1 + 4 * i : 5 + 4 * i])) for i in range(layers)],
        },
    }


def rnn(nonlinearity):
    return lambda i, h: torch.nn.RNN(i, h, nonlinearity=nonlinearity, batch_first=True)


def gru(i, h, layers=1):
    return torch.nn.GRU(i, h, layers, batch_first=True)


def lstm(i, h, layers=1):
    return torch.nn.LSTM(i, h, layers, batch_first=True)


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

write(
    "packed",
    source(
        "recurrent.py",
        note="torch.nn.GRU and LSTM over packed padded sequences, batch first; output: the last state of the last layer "
        "at each sequence's own length; gradients are of sum(upstream * output). float64",
    ),
    [
        packed("lstm, [3, 5, 2] to 3 units, lengths 2, 5 and 1", "lstm", lstm, 3, 5, 2, 3, 1, [2, 5, 1]),
        packed("gru, [2, 4, 2] to 2 units, two layers, lengths 3 and 4", "gru", gru, 2, 4, 2, 2, 2, [3, 4]),
    ],
)
