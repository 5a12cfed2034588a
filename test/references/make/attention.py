"""attention.json: attention, transformer blocks and positions, with gradients."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from common import grid, source, write
from torch import nn

rng = np.random.default_rng(11)
N, TOKENS, WIDTH, HEADS = 2, 4, 8, 4
MASK = torch.tensor([[1.0, 1, 1, 0], [1, 1, 0, 0]])


def weights(*shape):
    return grid(rng, *shape, scale=0.4)


def dense(name, out, inputs):
    return {f"{name}.kernel": weights(out, inputs), f"{name}.bias": weights(out)}


def result(name, options, inputs, params, forward):
    """forward(inputs, params), and the gradients of sum(upstream * output) in `x` and all parameters."""
    leaves = {k: v.clone().requires_grad_() for k, v in params.items()}
    given = {k: v.clone().requires_grad_(k in ("x", "memory")) for k, v in inputs.items()}
    output = forward(given, leaves)
    upstream = grid(rng, *output.shape)
    wrt = {**{k: v for k, v in given.items() if v.requires_grad}, **leaves}
    grads = torch.autograd.grad((upstream * output).sum(), list(wrt.values()))
    return {
        "name": name,
        "options": options,
        "inputs": {**inputs, "upstream": upstream},
        "params": params,
        "output": output,
        "gradients": dict(zip(wrt, grads)),
    }


def filled(module, values):
    """A module of torch.nn whose parameters are ours, so that gradients reach them."""
    own = dict(module.named_parameters())
    assert set(values) <= set(own), (set(values), set(own))
    return lambda *args, **more: torch.func.functional_call(module, {**own, **values}, args, more)


def self_attention(name, causal=False, masked=False):
    params = {**dense("a.qkv", 3 * WIDTH, WIDTH), **dense("a.out", WIDTH, WIDTH)}
    inputs = {"x": grid(rng, N, TOKENS, WIDTH), **({"mask": MASK} if masked else {})}

    def forward(given, p):
        run = filled(
            nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
            {
                "in_proj_weight": p["a.qkv.kernel"],
                "in_proj_bias": p["a.qkv.bias"],
                "out_proj.weight": p["a.out.kernel"],
                "out_proj.bias": p["a.out.bias"],
            },
        )
        x = given["x"]
        later = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1) if causal else None
        padding = MASK == 0 if masked else None
        return run(x, x, x, attn_mask=later, key_padding_mask=padding, need_weights=False)[0]

    return result(name, {"kind": "attention", "heads": HEADS, "causal": causal}, inputs, params, forward)


def cross_attention(name, masked):
    params = {**dense("a.q", WIDTH, WIDTH), **dense("a.kv", 2 * WIDTH, WIDTH), **dense("a.out", WIDTH, WIDTH)}
    inputs = {"x": grid(rng, N, 3, WIDTH), "memory": grid(rng, N, TOKENS, WIDTH), **({"mask": MASK} if masked else {})}

    def forward(given, p):
        run = filled(
            nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
            {
                "in_proj_weight": torch.cat([p["a.q.kernel"], p["a.kv.kernel"]]),
                "in_proj_bias": torch.cat([p["a.q.bias"], p["a.kv.bias"]]),
                "out_proj.weight": p["a.out.kernel"],
                "out_proj.bias": p["a.out.bias"],
            },
        )
        padding = MASK == 0 if masked else None
        return run(given["x"], given["memory"], given["memory"], key_padding_mask=padding, need_weights=False)[0]

    return result(name, {"kind": "cross", "heads": HEADS, "memory": [TOKENS, WIDTH]}, inputs, params, forward)


def grouped(name, shared):
    each = WIDTH // HEADS
    params = {**dense("a.qkv", WIDTH + 2 * shared * each, WIDTH), **dense("a.out", WIDTH, WIDTH)}

    def forward(given, p):
        all_ = F.linear(given["x"], p["a.qkv.kernel"], p["a.qkv.bias"])
        q, k, v = all_.split([WIDTH, shared * each, shared * each], -1)
        q, k, v = (t.view(N, TOKENS, -1, each).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return F.linear(y.transpose(1, 2).reshape(N, TOKENS, WIDTH), p["a.out.kernel"], p["a.out.bias"])

    options = {"kind": "attention", "heads": HEADS, "causal": True, "keyValueHeads": shared}
    return result(name, options, {"x": grid(rng, N, TOKENS, WIDTH)}, params, forward)


HIDDEN = 6


def norms(name):
    return {f"{name}.gain": weights(WIDTH) + 1, f"{name}.bias": weights(WIDTH)}


def block(name, before, activation, masked, decoder=False):
    """As nn.TransformerEncoderLayer and nn.TransformerDecoderLayer; our names of the same arrays."""
    count = 3 if decoder else 2
    parts = ["0", "1", "2"][:count]
    at = lambda i: (f"b.{i}.body.0", f"b.{i}.body.1") if before else (f"b.{i}.norm", f"b.{i}.body")
    params = {}
    for i in parts:
        norm, body = at(i)
        inner = {
            "first": {**dense(f"{body}.qkv", 3 * WIDTH, WIDTH), **dense(f"{body}.out", WIDTH, WIDTH)},
            "cross": {
                **dense(f"{body}.q", WIDTH, WIDTH),
                **dense(f"{body}.kv", 2 * WIDTH, WIDTH),
                **dense(f"{body}.out", WIDTH, WIDTH),
            },
            "last": {**dense(f"{body}.0", HIDDEN, WIDTH), **dense(f"{body}.1", WIDTH, HIDDEN)},
        }["first" if i == "0" else "last" if i == parts[-1] else "cross"]
        params = {**params, **norms(norm), **inner}
    inputs = {"x": grid(rng, N, TOKENS if not decoder else 3, WIDTH)}
    if decoder:
        inputs["memory"] = grid(rng, N, TOKENS, WIDTH)
    if masked:
        inputs["mask"] = MASK

    def forward(given, p):
        kind = nn.TransformerDecoderLayer if decoder else nn.TransformerEncoderLayer
        module = kind(WIDTH, HEADS, HIDDEN, 0.0, activation, batch_first=True, norm_first=before)
        named = {}
        for position, i in enumerate(parts):
            norm, body = at(i)
            named[f"norm{position + 1}.weight"] = p[f"{norm}.gain"]
            named[f"norm{position + 1}.bias"] = p[f"{norm}.bias"]
            if i == parts[-1]:
                for ours, theirs in (("0", "linear1"), ("1", "linear2")):
                    named[f"{theirs}.weight"] = p[f"{body}.{ours}.kernel"]
                    named[f"{theirs}.bias"] = p[f"{body}.{ours}.bias"]
                continue
            attention = "self_attn" if i == "0" else "multihead_attn"
            inside = [f"{body}.qkv"] if i == "0" else [f"{body}.q", f"{body}.kv"]
            named[f"{attention}.in_proj_weight"] = torch.cat([p[f"{one}.kernel"] for one in inside])
            named[f"{attention}.in_proj_bias"] = torch.cat([p[f"{one}.bias"] for one in inside])
            named[f"{attention}.out_proj.weight"] = p[f"{body}.out.kernel"]
            named[f"{attention}.out_proj.bias"] = p[f"{body}.out.bias"]
        run = filled(module, named)
        padding = MASK == 0 if masked else None
        if not decoder:
            return run(given["x"], src_key_padding_mask=padding)
        later = torch.ones(3, 3, dtype=torch.bool).triu(1)
        return run(given["x"], given["memory"], tgt_mask=later, memory_key_padding_mask=padding)

    options = {
        "kind": "block",
        "heads": HEADS,
        "hidden": HIDDEN,
        "norm": "before" if before else "after",
        "activation": activation,
        **({"causal": True, "memory": [TOKENS, WIDTH]} if decoder else {}),
    }
    return result(name, options, inputs, params, forward)


def rotary(name):
    """RoFormer, equation 12: pairs as complex numbers, times e^(i p theta); pairs are (i, i + d / 2)."""

    def forward(given, _):
        half = WIDTH // 2
        angle = torch.arange(TOKENS)[:, None] * 10000.0 ** (-torch.arange(half) / half)
        x = given["x"]
        turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([turned.real, turned.imag], -1)

    return result(name, {"kind": "rotary"}, {"x": grid(rng, N, TOKENS, WIDTH)}, {}, forward)


def sinusoidal(name):
    """Vaswani et al., section 3.5."""

    def forward(given, _):
        table = torch.zeros(TOKENS, WIDTH)
        for p in range(TOKENS):
            for i in range(0, WIDTH, 2):
                table[p, i] = math.sin(p / 10000 ** (i / WIDTH))
                table[p, i + 1] = math.cos(p / 10000 ** (i / WIDTH))
        return given["x"] + table

    return result(name, {"kind": "sinusoidal"}, {"x": grid(rng, N, TOKENS, WIDTH)}, {}, forward)


def slopes(n):
    """get_slopes of ofirpress/attention_with_linear_biases, fairseq/models/transformer.py."""
    if math.log2(n).is_integer():
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]
    closest = 2 ** math.floor(math.log2(n))
    return slopes(closest) + slopes(2 * closest)[0::2][: n - closest]


def alibi(name, heads):
    """Scores with slope * -distance added, as the mask of scaled_dot_product_attention."""
    width = 2 * heads
    params = {**dense("a.qkv", 3 * width, width), **dense("a.out", width, width)}

    def forward(given, p):
        q, k, v = F.linear(given["x"], p["a.qkv.kernel"], p["a.qkv.bias"]).chunk(3, -1)
        q, k, v = (t.view(N, TOKENS, heads, 2).transpose(1, 2) for t in (q, k, v))
        places = torch.arange(TOKENS)
        bias = -torch.tensor(slopes(heads))[:, None, None] * (places[:, None] - places).abs()
        bias = bias.masked_fill(places[None, :] > places[:, None], -math.inf)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return F.linear(y.transpose(1, 2).reshape(N, TOKENS, width), p["a.out.kernel"], p["a.out.bias"])

    options = {"kind": "attention", "heads": heads, "causal": True, "positions": "alibi"}
    return result(name, options, {"x": grid(rng, N, TOKENS, width)}, params, forward)


write(
    "attention",
    source(
        "attention.py",
        note="attention by nn.MultiheadAttention, blocks by nn.TransformerEncoderLayer and nn.TransformerDecoderLayer "
        "without dropout; grouped queries by scaled_dot_product_attention with enable_gqa; positions by the papers' "
        "formulas. Masks are 1 for tokens, 0 for padding; gradients are of sum(upstream * output). float64",
    ),
    [
        self_attention("attention"),
        self_attention("attention, causal", causal=True),
        self_attention("attention, padding", masked=True),
        self_attention("attention, causal, padding", causal=True, masked=True),
        cross_attention("cross-attention", False),
        cross_attention("cross-attention, padding", True),
        grouped("multi-query attention", 1),
        grouped("grouped-query attention", 2),
        block("block, norm before, relu", True, "relu", False),
        block("block, norm before, gelu, padding", True, "gelu", True),
        block("block, norm after, gelu", False, "gelu", False),
        block("block, norm after, relu, padding", False, "relu", True),
        block("block with memory, norm before", True, "gelu", False, decoder=True),
        block("block with memory, norm after, padding", False, "relu", True, decoder=True),
        rotary("rotary"),
        sinusoidal("sinusoidal"),
        alibi("alibi, 4 heads", 4),
        alibi("alibi, 6 heads", 6),
    ],
)
