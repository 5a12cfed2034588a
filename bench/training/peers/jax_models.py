"""The networks of the bench in JAX: pure functions of a list of parameters, in the order of ours.

Images are [n, height, width, channels] and kernels [height, width, in, out], which XLA is fastest with on a CPU.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def dense(x, w, b=None):
    y = x @ w.T
    return y if b is None else y + b


def convolve(x, kernel, stride=1):
    same = (kernel.shape[0] - 1) // 2
    padding = [(same, same), (same, same)]
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def halved(x):
    """Max pooling of 2 x 2; the gradient of a reshape and a maximum is far faster than that of reduce_window."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def mlp(network):
    def apply(params, x):
        for w, b in zip(params[:-2:2], params[1:-2:2]):
            x = jax.nn.relu(dense(x, w, b))
        return dense(x, *params[-2:])

    return apply


def cnn(network):
    def apply(params, x):
        take = iter(params)
        for _ in network["channels"]:
            x = jax.nn.relu(halved(convolve(x, next(take)) + next(take)))
        x = x.reshape(x.shape[0], -1)
        x = jax.nn.relu(dense(x, next(take), next(take)))
        return dense(x, next(take), next(take))

    return apply


def batch_norm(x, gain, bias):
    mean = x.mean((0, 1, 2))
    variance = jnp.square(x - mean).mean((0, 1, 2))
    return (x - mean) * (lax.rsqrt(variance + 1e-5) * gain) + bias, (mean, variance)


def resnet(network):
    """In training mode; the statistics that are kept for evaluation are left out, as nothing here reads them."""

    def apply(params, x):
        take = iter(params)

        def normed(x, stride=1):
            return batch_norm(convolve(x, next(take), stride), next(take), next(take))[0]

        x = jax.nn.relu(normed(x))
        for group, _ in enumerate(network["channels"]):
            for i in range(network["blocks"]):
                stride = 2 if i == 0 and group > 0 else 1
                y = normed(jax.nn.relu(normed(x, stride)))
                x = jax.nn.relu(y + (normed(x, stride) if stride > 1 else x))
        return dense(x.mean((1, 2)), next(take), next(take))

    return apply


def layer_norm(x, gain, bias):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * gain + bias


def transformer(network):
    heads, tokens = network["heads"], network["tokens"]

    def attention(x, adapted, *params):
        n, t, width = x.shape
        qkv = adapted(x, params[0], params[1]).reshape(n, t, 3, heads, width // heads)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        scores = q @ k.swapaxes(-1, -2) * (width // heads) ** -0.5
        seen = jnp.tril(jnp.ones((tokens, tokens), bool))
        shares = jax.nn.softmax(jnp.where(seen, scores, -1e9))
        return adapted((shares @ v).swapaxes(1, 2).reshape(n, t, width), params[2], params[3])

    def apply(params, ids, factors=None):
        take = iter(params)
        spare = None if factors is None else iter(factors)

        def adapted(x, w, b):
            y = dense(x, w, b)
            return y if spare is None else y + dense(dense(x, next(spare)), next(spare))

        x = next(take)[ids] + next(take)
        for _ in range(network["layers"]):
            y = layer_norm(x, next(take), next(take))
            x = x + attention(y, adapted, *(next(take) for _ in range(4)))
            y = layer_norm(x, next(take), next(take))
            y = jax.nn.gelu(adapted(y, next(take), next(take)), approximate=False)
            x = x + adapted(y, next(take), next(take))
        return dense(layer_norm(x, next(take), next(take)), next(take))

    return apply


MODELS = {"mlp": mlp, "cnn": cnn, "resnet": resnet, "transformer": transformer}


def build(network):
    return MODELS[network["kind"]](network)


def laid_out(network, values):
    """Parameters of ours as these functions take them."""
    values = [v.transpose(2, 3, 1, 0) if v.ndim == 4 else v for v in values]
    if network["kind"] == "cnn":
        # the first dense layer reads a flattened image
        channels, at = network["channels"][-1], 2 * len(network["channels"])
        out, size = values[at].shape
        side = round((size // channels) ** 0.5)
        values[at] = values[at].reshape(out, channels, side, side).transpose(0, 2, 3, 1).reshape(out, size)
    return [jnp.asarray(np.ascontiguousarray(v)) for v in values]


def examples(network, x):
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def loss_of(network):
    """Mean loss of a batch: squared error of values, cross entropy of classes and of next ids."""
    if network.get("outputs") == 1:
        return lambda prediction, y: jnp.square(prediction - y).mean()

    def cross_entropy(logits, y):
        logs = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(logs, y[..., None], -1).mean()

    return cross_entropy
