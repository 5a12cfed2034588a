"""generative.json: up-sampling, the evidence lower bound, a small U-Net; values and gradients."""

import numpy as np
import torch
import torch.nn.functional as F
from common import grid, source, write
from torch.distributions import Normal, kl_divergence

rng = np.random.default_rng(11)


def upsampling(shape, factor):
    x = grid(rng, *shape).requires_grad_()
    output = F.interpolate(x, scale_factor=factor, mode="nearest")
    upstream = grid(rng, *output.shape)
    (gx,) = torch.autograd.grad((upstream * output).sum(), x)
    return {
        "name": f"upsample {list(shape)} by {factor}",
        "options": {"factor": factor},
        "inputs": {"x": x, "upstream": upstream},
        "output": output,
        "gradients": {"x": gx},
    }


def bound(likelihood, beta):
    """Losses of three examples of four numbers with codes of two."""
    posterior, prediction = grid(rng, 3, 4).requires_grad_(), grid(rng, 3, 4).requires_grad_()
    target = grid(rng, 3, 4)
    if likelihood == "bernoulli":
        target = (target - target.min()) / 8
        surprise = F.binary_cross_entropy_with_logits(prediction, target, reduction="none")
    else:
        surprise = -Normal(prediction, 1.0).log_prob(target) - 0.5 * np.log(2 * np.pi)
    mean, log_variance = posterior.chunk(2, dim=1)
    divergence = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    losses = surprise.sum(1) + beta * divergence
    gp, gz = torch.autograd.grad(losses.sum(), (prediction, posterior))
    return {
        "name": f"elbo {likelihood} beta {beta}",
        "options": {"likelihood": likelihood, "beta": beta},
        "inputs": {"posterior": posterior, "prediction": prediction, "target": target},
        "output": losses,
        "gradients": {"prediction": gp, "posterior": gz},
    }


def convolved(x, kernel, gain, bias):
    y = F.conv2d(x, kernel, padding=1)
    return F.relu(F.batch_norm(y, None, None, gain, bias, training=True))


def unet():
    """Two levels of 2 and 3 channels on images of 5 x 4, three numbers a pixel, in training."""
    x = grid(rng, 2, 1, 5, 4).requires_grad_()
    planes = [(1, 2), (2, 2), (2, 3), (3, 3), (3, 2), (4, 2), (2, 2)]
    layers = [
        {"kernel": grid(rng, o, i, 3, 3, scale=0.4), "gain": grid(rng, o), "bias": grid(rng, o, scale=0.3)}
        for i, o in planes
    ]
    head = {"kernel": grid(rng, 3, 2), "bias": grid(rng, 3)}
    run = lambda value, at: convolved(value, **layers[at])
    top = run(run(x, 0), 1)
    low = run(run(F.max_pool2d(top, 2, ceil_mode=True), 2), 3)
    back = run(F.interpolate(low, scale_factor=2, mode="nearest")[:, :, :5, :4], 4)
    features = run(run(torch.cat([top, back], 1), 5), 6).permute(0, 2, 3, 1)
    output = F.linear(features, head["kernel"], head["bias"])
    upstream = grid(rng, *output.shape)
    (gx,) = torch.autograd.grad((upstream * output).sum(), x)
    return {
        "name": "unet",
        "options": {"channels": [2, 3], "outputs": 3},
        "inputs": {"x": x, "upstream": upstream, "layers": layers, "head": head},
        "output": output,
        "gradients": {"x": gx},
    }


write(
    "generative",
    source(
        "generative.py",
        note="up-sampling by F.interpolate (nearest); losses -log p(target) + beta KL, the normal without its constant, the "
        "divergence by torch.distributions; U-Net of convolutions without bias, batch norm and relu; float64",
    ),
    [
        upsampling((2, 2, 2, 3), 2),
        upsampling((1, 1, 2, 2), 3),
        bound("normal", 1.0),
        bound("normal", 4.0),
        bound("bernoulli", 0.5),
        unet(),
    ],
)
