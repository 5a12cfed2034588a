"""graph.json: graph convolutional networks by dense products, with gradients."""

import numpy as np
import torch
from common import grid, source, write

rng = np.random.default_rng(31)


def case(name, nodes, features, hidden, outputs, edges, asked, weighted=False):
    x = grid(rng, nodes, features)
    strengths = grid(rng, len(edges)).abs() + 1 / 64 if weighted else torch.ones(len(edges), dtype=torch.float64)
    widths = [features, *hidden, outputs]
    kernels = [grid(rng, b, a, scale=0.5).requires_grad_() for a, b in zip(widths, widths[1:])]
    biases = [grid(rng, b, scale=0.5).requires_grad_() for b in widths[1:]]
    upstream = grid(rng, len(asked), outputs)
    adjacency = torch.eye(nodes, dtype=torch.float64)
    for (a, b), strength in zip(edges, strengths):
        adjacency[a, b] += strength
        adjacency[b, a] += strength
    root = torch.diag(adjacency.sum(1) ** -0.5)
    spread = root @ adjacency @ root
    h = x
    for kernel, bias in zip(kernels[:-1], biases[:-1]):
        h = torch.relu(spread @ h @ kernel.T + bias)
    output = (spread @ h @ kernels[-1].T + biases[-1])[asked]
    gradients = torch.autograd.grad((upstream * output).sum(), [*kernels, *biases])
    return {
        "name": name,
        "options": {"hidden": hidden, "edges": edges, "asked": asked},
        "inputs": {"features": x, "strengths": strengths, "kernels": kernels, "biases": biases, "upstream": upstream},
        "output": output,
        "gradients": {"kernels": gradients[: len(kernels)], "biases": gradients[len(kernels) :]},
    }


write(
    "graph",
    source(
        "graph.py",
        note="Kipf and Welling 2017, equations 2 and 9, with biases: H' = relu(S H W^T + b), S = D^-1/2 (A + I) D^-1/2 "
        "with A the strengths of the edges both ways, by dense products; output: the rows of the asked nodes; gradients "
        "are of sum(upstream * output). float64",
    ),
    [
        case("a path of 4 nodes, [3] hidden", 4, 2, [3], 2, [[0, 1], [1, 2], [2, 3]], [0, 1, 2, 3]),
        case("7 nodes, one alone, weights, [4, 3] hidden", 7, 3, [4, 3], 2,
             [[0, 1], [0, 2], [0, 3], [3, 4], [5, 1], [2, 3]], [6, 0, 0, 5], weighted=True),
    ],
)
