"""einsum.json: sums of products, values and gradients."""

import numpy as np
import torch
from common import grid, source, write

rng = np.random.default_rng(14)


def case(subscripts, *shapes):
    operands = [grid(rng, *shape).requires_grad_() for shape in shapes]
    output = torch.einsum(subscripts, *operands)
    same = np.einsum(subscripts, *[t.detach().numpy() for t in operands])
    assert np.allclose(output.detach().numpy(), same)
    upstream = grid(rng, *output.shape)
    gradients = torch.autograd.grad((upstream * output).sum(), operands)
    return {
        "name": f"{subscripts} of {' '.join(str(list(s)) for s in shapes)}",
        "subscripts": subscripts,
        "inputs": {"operands": operands, "upstream": upstream},
        "output": output,
        "gradients": gradients,
    }


write(
    "einsum",
    source("einsum.py", note="torch.einsum, equal to numpy.einsum; gradients of sum(upstream * output); float64"),
    [
        case("ij,jk->ik", (2, 3), (3, 4)),
        case("ij,jk", (2, 3), (3, 4)),
        case("ba", (2, 3)),
        case("ii", (3, 3)),
        case("ii->i", (3, 3)),
        case("iijj->ji", (2, 2, 3, 3)),
        case("iii->i", (2, 2, 2)),
        case("i,j->ij", (2,), (3,)),
        case("i,i", (3,), (3,)),
        case("ij->", (2, 3)),
        case("ijk->ki", (2, 3, 2)),
        case("bi,bi->b", (2, 3), (2, 3)),
        case("bij,bkj->bik", (2, 3, 4), (2, 2, 4)),
        case("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 2, 2)),
        case("bqhd,bkhd->bhqk", (2, 3, 2, 2), (2, 2, 2, 2)),
        case("jik,ljk->li", (3, 2, 2), (2, 3, 2)),
        case("ij,kl->jl", (2, 3), (2, 2)),
        case("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
        case("i...,i...", (2, 3), (2, 3)),
        case("...i->i...", (2, 3, 2)),
        case("b...i,i->b...", (2, 3, 2), (2,)),
        case("a,ab,bc,cd->d", (2,), (2, 3), (3, 2), (2, 4)),
        case("bi,ijk,bj,bk->b", (2, 3), (3, 2, 2), (2, 2), (2, 2)),
        case("i,i,i,ij,j,j,k,k->", *[(2,)] * 3, (2, 3), *[(3,)] * 2, *[(2,)] * 2),
        case("iij,jkk->ik", (2, 2, 3), (3, 2, 2)),
    ],
)
