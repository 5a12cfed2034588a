"""linalg.json: factorizations, solutions and functions of matrices with gradients, by torch.linalg and NumPy."""

import numpy as np
import torch
from common import grid, source, write

rng = np.random.default_rng(17)


def weighted(outputs, weights):
    return sum((o * w).sum() for o, w in zip(outputs, weights))


def case(name, f, *inputs):
    """f of the inputs, and the gradients of sum(weights * outputs)."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    outputs = f(*leaves)
    weights = [grid(rng, *o.shape) for o in outputs]
    gradients = torch.autograd.grad(weighted(outputs, weights), leaves)
    return {
        "name": name,
        "options": {},
        "inputs": {"arrays": list(inputs), "weights": weights},
        "outputs": list(outputs),
        "gradients": list(gradients),
    }


def positive(*shape):
    """Symmetric positive definite, in multiples of 1/64."""
    a = grid(rng, *shape)
    product = a @ a.mT + torch.eye(shape[-1])
    return torch.round(product * 64) / 64


def symmetric(*shape):
    a = grid(rng, *shape)
    return a + a.mT


def symmetrized(f):
    """Gradients as for symmetric arguments."""
    return lambda a, *rest: f((a + a.mT) / 2, *rest)


def by_values(f):
    """A function of a symmetric matrix through its eigenvalues: exact at repeated ones for polynomials and exp."""
    return lambda a: (f(a),)


def root(a):
    values, vectors = torch.linalg.eigh(a)
    return ((vectors * values.sqrt()) @ vectors.mT,)


def polar(a):
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    return u @ vh, vh.mT @ torch.diag_embed(s) @ vh


def invariant_svd(a):
    """What does not depend on signs: values and projections."""
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    return s, u[..., :1] @ vh[..., :1, :]


def invariant_eigh(a):
    values, vectors = torch.linalg.eigh(a)
    return values, vectors[..., :1] @ vectors[..., :1].mT


def positive_qr(a):
    q, r = torch.linalg.qr(a)
    k = min(a.shape[-2:])
    signs = torch.sign(torch.diagonal(r[..., :k, :k], dim1=-2, dim2=-1)).detach()
    return q * signs[..., None, :], r * signs[..., :, None]


def newton_schulz(a):
    """zeropower_via_newtonschulz5 of KellerJordan/Muon, in float64, with its epsilon of 1e-7 left out."""
    x = a / a.norm(dim=(-2, -1), keepdim=True)
    wide = a.size(-2) <= a.size(-1)
    x = x if wide else x.mT
    for _ in range(5):
        g = x @ x.mT
        x = 3.4445 * x + (-4.7750 * g + 2.0315 * g @ g) @ x
    return (x if wide else x.mT,)


repeated = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
turn = torch.tensor(np.linalg.qr(np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 2.0], [0.0, 1.0, 1.5]]))[0])
equal = turn @ repeated @ turn.mT

write(
    "linalg",
    source(
        "linalg.py",
        note="gradients are of sum(weights * outputs), with one array of weights an output; of symmetric arguments they "
        "are symmetric. eigh and svd give their values and the projection (product) of the first vectors, which do not "
        "depend on signs; qr has a positive diagonal; newtonSchulz is the released formula of KellerJordan/Muon without "
        "its epsilon. expm at repeated eigenvalues: torch.linalg.matrix_exp. float64",
    ),
    [
        case("cholesky", symmetrized(lambda a: (torch.linalg.cholesky(a),)), positive(4, 4)),
        case("cholesky", symmetrized(lambda a: (torch.linalg.cholesky(a),)), positive(2, 3, 3)),
        case("choleskySolve", symmetrized(lambda a, b: (torch.linalg.solve(a, b),)), positive(4, 4), grid(rng, 4, 2)),
        case("choleskyLogDet", symmetrized(lambda a: (torch.logdet(a),)), positive(2, 3, 3)),
        case("lowerSolve", lambda a, b: (torch.linalg.solve_triangular(a.tril(), b, upper=False),),
             grid(rng, 4, 4) + 2 * torch.eye(4), grid(rng, 4, 2)),
        case("upperTransposedSolve", lambda a, b: (torch.linalg.solve_triangular(a.triu().mT, b, upper=False),),
             grid(rng, 2, 3, 3) + 2 * torch.eye(3), grid(rng, 2, 3, 1)),
        case("solve", lambda a, b: (torch.linalg.solve(a, b),), grid(rng, 4, 4), grid(rng, 4, 2)),
        case("inverse", lambda a: (torch.linalg.inv(a),), grid(rng, 2, 3, 3)),
        case("det", lambda a: (torch.linalg.det(a),), grid(rng, 2, 4, 4)),
        case("logDet", lambda a: (torch.linalg.slogdet(a)[1],), grid(rng, 2, 4, 4)),
        case("qr", positive_qr, grid(rng, 5, 3)),
        case("qr", positive_qr, grid(rng, 2, 3, 3)),
        case("qr", positive_qr, grid(rng, 2, 4)),
        case("eigh", symmetrized(invariant_eigh), symmetric(4, 4)),
        case("eigh", symmetrized(invariant_eigh), symmetric(2, 5, 5)),
        case("svd", invariant_svd, grid(rng, 4, 4)),
        case("svd", invariant_svd, grid(rng, 2, 5, 3)),
        case("svd", invariant_svd, grid(rng, 3, 5)),
        case("polar", polar, grid(rng, 4, 4)),
        case("polar", polar, grid(rng, 2, 5, 3)),
        case("root", symmetrized(root), positive(4, 4)),
        case("exponential", symmetrized(by_values(torch.linalg.matrix_exp)), symmetric(3, 3)),
        case("exponential", symmetrized(by_values(torch.linalg.matrix_exp)), equal),
        case("newtonSchulz", newton_schulz, grid(rng, 3, 5)),
        case("newtonSchulz", newton_schulz, grid(rng, 2, 5, 3)),
    ],
)
