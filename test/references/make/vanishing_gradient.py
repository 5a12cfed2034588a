"""vanishing-gradient.json: Omega and its gradient in the recurrent matrix, by the formulas of pascanur/trainingRNNs."""

import numpy as np
import torch
import torch.nn.functional as F
from common import grid, source, write

rng = np.random.default_rng(21)


def case(name, n, tokens, width, units, scale):
    x = grid(rng, n, tokens, width)
    labels = torch.tensor(rng.integers(0, 3, size=n))
    weights = {
        "W_uh": grid(rng, width, units),
        "W_hh": grid(rng, units, units, scale=scale),
        "b_hh": grid(rng, units, scale=0.5),
        "W_hy": grid(rng, units, 3),
        "b_hy": grid(rng, 3),
    }
    w_hh = weights["W_hh"].clone().requires_grad_()
    state = torch.zeros(n, units)
    states = []
    for t in range(tokens):
        state = torch.tanh(state @ w_hh + x[:, t] @ weights["W_uh"] + weights["b_hh"])
        state.retain_grad()
        states.append(state)
    cost = F.cross_entropy(state @ weights["W_hy"] + weights["b_hy"], labels)
    cost.backward()
    # RNN.py: d_ht[1:] is dC/dh after every token, ht the states; both are constants from here on
    d = torch.stack([h.grad for h in states])
    h = torch.stack([h.detach() for h in states])
    free = weights["W_hh"].clone().requires_grad_()
    tmp_x = (((d * (1 - h**2)) @ free.T) ** 2).sum(2)
    tmp_y = (d**2).sum(2)
    seen = tmp_y >= 1e-20
    reg = (torch.where(seen, tmp_x / tmp_y, torch.ones_like(tmp_y)) - 1) ** 2
    omega = reg.mean(1).sum() / seen.double().mean(1).sum()
    (gradient,) = torch.autograd.grad(omega, free)
    return {
        "name": name,
        "options": {"units": units},
        "inputs": {"x": x, "labels": labels, **weights},
        "omega": omega,
        "gradient": gradient,
    }


write(
    "vanishing-gradient",
    source(
        "vanishing_gradient.py",
        note="pascanur/trainingRNNs 3f5df3f, RNN.py (Theano, Python 2) by its formulas: tmp_x, tmp_y, tmp_reg, n_elems with "
        "bound 1e-20, tanh units; W_hh [from, to]; gradient: of Omega in W_hh alone. float64",
    ),
    [
        case("3 units, 4 tokens", 2, 4, 2, 3, 0.5),
        case("2 units, 6 tokens, strong recurrence", 3, 6, 1, 2, 1.5),
        case("4 units, 1 token", 2, 1, 3, 4, 0.5),
    ],
)
