"""JAX as a contestant: the whole step under jit, state donated; many steps a call by lax.scan where that is faster."""

import json
import os
import sys

JOB = json.loads(sys.argv[1])
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    # XLA has as many threads as it sees processors
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: JOB["threads"]])

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import jax_models as models
from serve import arrays_of, batches_of, serve, timed, under

WORKLOAD = JOB["workload"]
NETWORK = WORKLOAD["network"]

tree = jax.tree_util.tree_map


class Problem:
    def __init__(self, arrays):
        self.arrays = arrays
        self.start = list(under("params/", arrays).values())
        if WORKLOAD["step"] != "seeds":
            self.start = models.laid_out(NETWORK, self.start)
        self.start = [jnp.asarray(v) for v in self.start]
        self.apply = models.build(NETWORK)
        self.loss = models.loss_of(NETWORK)

    def objective(self, params, x, y):
        return self.loss(self.apply(params, x), y)


def adam(params):
    rate, decay = WORKLOAD["rate"], WORKLOAD.get("decay", 0.0)
    zeros = lambda: tree(jnp.zeros_like, params)

    def update(params, gradients, state):
        first, second, t = state
        t = t + 1
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        length, scale = rate / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)

        def moved(p, m, v):
            kept = p * (1 - rate * decay) if p.ndim > 1 and decay > 0 else p
            return kept - length * m / (jnp.sqrt(v) * scale + 1e-8)

        return tree(moved, params, first, second), (first, second, t)

    return (zeros(), zeros(), jnp.zeros(())), update


def sgd(params):
    def update(params, gradients, velocity):
        velocity = tree(lambda v, g: WORKLOAD["momentum"] * v + g, velocity, gradients)
        return tree(lambda p, v: p - WORKLOAD["rate"] * v, params, velocity), velocity

    return tree(jnp.zeros_like, params), update


def training(params, value_and_grad):
    """The initial state, and one step of it."""
    optimizer, update = sgd(params) if WORKLOAD["optimizer"] == "sgd" else adam(params)

    def step(state, x, y):
        params, optimizer = state
        loss, gradients = value_and_grad(params, x, y)
        params, optimizer = update(params, gradients, optimizer)
        return (params, optimizer), loss

    return (params, optimizer), step


def dot(a, b):
    return sum(jnp.vdot(p, q) for p, q in zip(a, b))


def norm_of(values):
    return jnp.sqrt(dot(values, values))


def combined(a, first, b, second):
    return tree(lambda p, q: a * p + b * q, first, second)


def along(params, direction, radius):
    return combined(1, params, radius / (norm_of(direction) + 1e-12), direction)


def train(problem):
    return training(problem.start, jax.value_and_grad(problem.objective))


def sam(problem, radius=0.05):
    at = jax.value_and_grad(problem.objective)

    def value_and_grad(params, x, y):
        loss, g = at(params, x, y)
        return loss, at(along(params, g, radius), x, y)[1]

    return training(problem.start, value_and_grad)


def gam(problem, radius=0.2, inner=0.02, beta1=0.6, beta2=0.5, beta3=0.4, gamma=0.03):
    at = jax.value_and_grad(problem.objective)

    def value_and_grad(params, x, y):
        loss, g0 = at(params, x, y)
        _, g1 = at(along(params, g0, inner), x, y)
        raised = along(params, combined(1, g1, -1, g0), radius)
        _, g2 = at(raised, x, y)
        _, g3 = at(along(raised, g2, inner), x, y)
        later, former = combined(beta1, g1, beta3, g3), combined(1, g0, beta2, g2)
        lf, ll = norm_of(former), norm_of(later)
        share = dot(former, later) / (lf * ll + 1e-12) * lf / (ll + 1e-12)
        return loss, combined(1, later, -gamma, combined(1, former, -share, later))

    return training(problem.start, value_and_grad)


def lora(problem):
    factors = [jnp.asarray(v) for v in under("lora/", problem.arrays).values()]

    def objective(factors, x, y):
        return problem.loss(problem.apply(problem.start, x, factors), y)

    return training(factors, jax.value_and_grad(objective))


def seeds(problem):
    """All models at once; each has its own gradient, as the losses are added."""

    def objective(params, x, y):
        losses = jax.vmap(problem.objective, in_axes=(0, None, None))(params, x, y)
        return losses.sum(), losses.mean()

    at = jax.value_and_grad(objective, has_aux=True)

    def value_and_grad(params, x, y):
        (_, mean), gradients = at(params, x, y)
        return mean, gradients

    return training(problem.start, value_and_grad)


def per_example(problem):
    one = lambda params, x, y: problem.objective(params, x[None], y[None])
    each = jax.vmap(jax.grad(one), in_axes=(None, 0, 0))

    def step(state, x, y):
        squares = [jnp.square(g).reshape(g.shape[0], -1).sum(1) for g in each(problem.start, x, y)]
        return state, jnp.sqrt(sum(squares)).mean()

    return (), step


def hessian(problem):
    def step(v, x, y):
        gradient = jax.grad(lambda params: problem.objective(params, x, y))
        hv = jax.jvp(gradient, (problem.start,), (v,))[1]
        length = norm_of(hv)
        return tree(lambda part: part / length, hv), dot(v, hv)

    direction = models.laid_out(NETWORK, list(under("direction/", problem.arrays).values()))
    return direction, step


STEPS = {
    "train": train,
    "sam": sam,
    "gam": gam,
    "lora": lora,
    "seeds": seeds,
    "per-example": per_example,
    "hvp": hessian,
}

# steps a call of the scanned form, and the time of a step, in seconds, above which it is not tried
MANY, SLOW = 32, 0.01


def open_racer(job):
    arrays = arrays_of(job)
    start, step = STEPS[WORKLOAD["step"]](Problem(arrays))
    pairs = [(models.examples(NETWORK, x), y) for x, y in batches_of(WORKLOAD, arrays)]
    batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in pairs]
    jitted = jax.jit(step, donate_argnums=0)

    def scan(state, xs, ys):
        return lax.scan(lambda state, batch: step(state, *batch), state, (xs, ys))

    scanned = jax.jit(scan, donate_argnums=0)
    # MANY is a multiple of the number of batches
    turns = [batches[i % len(batches)] for i in range(MANY)]
    stacked = [jnp.stack(part) for part in zip(*turns)]

    def one_by_one(state, first, count):
        losses = []
        for i in range(first, first + count):
            state, loss = jitted(state, *batches[i % len(batches)])
            losses.append(loss)
        return state, losses

    def many_at_once(state, count):
        losses = []
        for _ in range(count // MANY):
            state, some = scanned(state, *stacked)
            losses.append(some)
        done = count // MANY * MANY
        state, rest = one_by_one(state, done, count - done)
        return state, losses + rest

    def run_as(way, count):
        state = tree(jnp.copy, start)
        jax.block_until_ready(state)
        seconds, (_, losses) = timed(lambda: jax.block_until_ready(way(state, count)))
        return seconds, np.concatenate([np.atleast_1d(loss) for loss in losses]).tolist()

    ways = {"one by one": lambda state, count: one_by_one(state, 0, count), "many at once": many_at_once}
    chosen = []

    def choose():
        """Whichever form is faster, by a short race."""
        if run_as(ways["one by one"], 4)[0] / 4 > SLOW:
            return ways["one by one"]
        for way in ways.values():
            run_as(way, MANY)
        totals = {name: min(run_as(way, 4 * MANY)[0] for _ in range(5)) for name, way in ways.items()}
        return ways[min(totals, key=totals.get)]

    def run(count):
        if count == 1 and not chosen:
            return run_as(ways["one by one"], 1)
        if not chosen:
            chosen.append(choose())
        return run_as(chosen[0], count)

    return run, {"jax": jax.__version__, "numpy": np.__version__}


serve(open_racer)
