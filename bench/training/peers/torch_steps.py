"""What a step of each workload is in PyTorch, as its experts would write it."""

import torch
import torch.nn.functional as F
from torch import func, nn

import torch_models as models
from serve import batches_of, under


class Problem:
    """The model of a workload at its initial values, and the batches. Variants: eager, channels-last, compile."""

    def __init__(self, workload, arrays, variant="eager"):
        self.workload, self.arrays, self.variant = workload, arrays, variant
        self.model = models.build(workload["network"])
        self.batches = [(torch.from_numpy(x), models.target(y)) for x, y in batches_of(workload, arrays)]
        if variant == "channels-last":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.batches = [(x.to(memory_format=torch.channels_last), y) for x, y in self.batches]
        self.params = models.in_order(self.model)
        self.start = list(under("params/", arrays).values())
        if workload["step"] != "seeds":
            models.fill(self.params, self.start)
        self.loss = models.loss_of(workload["network"])

    def compiled(self, f):
        return torch.compile(f) if self.variant == "compile" else f

    def objective(self, x, y):
        return self.loss(self.model(x), y)

    def by_name(self):
        return dict(self.model.named_parameters())

    def functional(self, params, x, y):
        return self.loss(func.functional_call(self.model, params, (x,)), y)


def training(problem, params, start, gradient):
    """Steps of an optimizer; `gradient(x, y)` leaves gradients in the parameters and gives the loss."""
    optimizer = models.optimizer_of(problem.workload, params)

    def begin():
        models.fill(params, start)
        models.reset(optimizer)

    def step(x, y):
        loss = gradient(x, y)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return begin, step


def plain(objective):
    def gradient(x, y):
        loss = objective(x, y)
        loss.backward()
        return loss.detach()

    return gradient


def train(problem):
    return training(problem, problem.params, problem.start, plain(problem.compiled(problem.objective)))


def norm_of(tensors):
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


def moved(params, direction, radius):
    """Moves the parameters by `radius` along a direction; gives what was added."""
    change = torch._foreach_mul(direction, radius / (norm_of(direction) + 1e-12))
    torch._foreach_add_(params, change)
    return change


def gradients_at(problem):
    objective = problem.compiled(problem.objective)

    def at(x, y):
        loss = objective(x, y)
        return loss.detach(), list(torch.autograd.grad(loss, problem.params))

    return at


def sam(problem, radius=0.05):
    at, params = gradients_at(problem), problem.params

    def gradient(x, y):
        loss, g = at(x, y)
        with torch.no_grad():
            saved = torch._foreach_add(params, 0)
            moved(params, g, radius)
        _, g = at(x, y)
        with torch.no_grad():
            torch._foreach_copy_(params, saved)
        for p, part in zip(params, g):
            p.grad = part
        return loss

    return training(problem, params, problem.start, gradient)


def dot(a, b):
    return torch.stack([s.sum() for s in torch._foreach_mul(a, b)]).sum()


def gam(problem, radius=0.2, inner=0.02, beta1=0.6, beta2=0.5, beta3=0.4, gamma=0.03):
    """As the options of our member say, in the form of the authors' code."""
    at, params = gradients_at(problem), problem.params

    def gradient(x, y):
        with torch.no_grad():
            saved = torch._foreach_add(params, 0)
        loss, g0 = at(x, y)
        with torch.no_grad():
            moved(params, g0, inner)
        _, g1 = at(x, y)
        with torch.no_grad():
            torch._foreach_copy_(params, saved)
            moved(params, torch._foreach_sub(g1, g0), radius)
        _, g2 = at(x, y)
        with torch.no_grad():
            moved(params, g2, inner)
        _, g3 = at(x, y)
        with torch.no_grad():
            torch._foreach_copy_(params, saved)
            later = torch._foreach_add(torch._foreach_mul(g1, beta1), g3, alpha=beta3)
            former = torch._foreach_add(g0, g2, alpha=beta2)
            lf, ll = norm_of(former), norm_of(later)
            share = dot(former, later) / (lf * ll + 1e-12) * lf / (ll + 1e-12)
            across = torch._foreach_sub(former, torch._foreach_mul(later, share))
            for p, n, o in zip(params, later, across):
                p.grad = n.sub_(o, alpha=gamma)
        return loss

    return training(problem, params, problem.start, gradient)


class Adapted(nn.Module):
    """x W^T + b + (x down^T) up^T, where only the factors are trained."""

    def __init__(self, linear, rank):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(torch.zeros(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + F.linear(F.linear(x, self.down), self.up)


def lora(problem):
    model = problem.model.requires_grad_(False)
    factors = []
    for block in model.blocks:
        for part, name in [(block.attention, "qkv"), (block.attention, "out"), (block, "up"), (block, "down")]:
            adapted = Adapted(getattr(part, name), problem.workload["rank"])
            setattr(part, name, adapted)
            factors += [adapted.down, adapted.up]
    start = list(under("lora/", problem.arrays).values())
    models.fill(factors, start)
    return training(problem, factors, start, plain(problem.compiled(problem.objective)))


def seeds(problem):
    """All models at once, by batched products; each has its own gradient, as the losses are added."""
    values = [torch.from_numpy(a).clone().requires_grad_() for a in problem.start]
    w1, b1, w2, b2 = values

    def losses(x, y):
        many = x.expand(problem.workload["seeds"], *x.shape)
        hidden = torch.relu(torch.baddbmm(b1.unsqueeze(1), many, w1.transpose(1, 2)))
        outputs = torch.baddbmm(b2.unsqueeze(1), hidden, w2.transpose(1, 2))
        return (outputs - y).square().mean((1, 2))

    losses = problem.compiled(losses)

    def gradient(x, y):
        each = losses(x, y)
        each.sum().backward()
        return each.detach().mean()

    return training(problem, values, problem.start, gradient)


def per_example(problem):
    params = {name: p.detach() for name, p in problem.by_name().items()}
    one = lambda params, x, y: problem.functional(params, x.unsqueeze(0), y.unsqueeze(0))
    each = func.vmap(func.grad(one), in_dims=(None, 0, 0))

    @problem.compiled
    def norms(x, y):
        squares = [g.flatten(1).square().sum(1) for g in each(params, x, y).values()]
        return torch.stack(squares).sum(0).sqrt()

    def step(x, y):
        with torch.no_grad():
            return norms(x, y).mean()

    return lambda: None, step


def hessian(problem):
    """v <- H v / |H v|: eager by a double backward, compiled (which knows none) as the derivative of the gradient."""
    names = list(problem.by_name())
    params = [p.detach() for p in problem.by_name().values()]
    start = [torch.from_numpy(v) for v in under("direction/", problem.arrays).values()]
    v = list(start)

    def double(v, x, y):
        loss = problem.objective(x, y)
        gradient = torch.autograd.grad(loss, problem.params, create_graph=True)
        return list(torch.autograd.grad(gradient, problem.params, v))

    @problem.compiled
    def forward(v, x, y):
        objective = lambda values: problem.functional(dict(zip(names, values)), x, y)
        return list(func.jvp(func.grad(objective), (params,), (v,))[1])

    product = forward if problem.variant == "compile" else double

    def begin():
        v[:] = start

    def step(x, y):
        hv = product(v, x, y)
        value, length = dot(v, hv), norm_of(hv)
        v[:] = torch._foreach_div(hv, length)
        return value

    return begin, step


STEPS = {
    "train": train,
    "sam": sam,
    "gam": gam,
    "lora": lora,
    "seeds": seeds,
    "per-example": per_example,
    "hvp": hessian,
}


def steps_of(problem):
    """(begin, step): begin() goes back to the initial values; step(x, y) gives the loss."""
    return STEPS[problem.workload["step"]](problem)
