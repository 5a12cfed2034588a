"""The networks of the bench in PyTorch, built from the numbers of workloads.ts."""

import torch
import torch.nn.functional as F
from torch import nn


def mlp(network):
    sizes = [network["shape"][0], *network["hidden"]]
    layers = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], network["outputs"]))


def cnn(network):
    channels, side = network["shape"][0], network["shape"][1]
    layers = []
    for c in network["channels"]:
        # pooling before relu: the same values, and relu has a quarter of the work
        layers += [nn.Conv2d(channels, c, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        channels, side = c, side // 2
    dense = network["dense"]
    layers += [nn.Flatten(), nn.Linear(channels * side * side, dense), nn.ReLU(), nn.Linear(dense, network["outputs"])]
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.skip = nn.Identity()
        if stride > 1:
            self.skip = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)).add_(self.skip(x)), inplace=True)


def resnet(network):
    channels = network["channels"]
    layers = [nn.Conv2d(network["shape"][0], channels[0], 3, 1, 1, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU(inplace=True)]
    before = channels[0]
    for group, c in enumerate(channels):
        for i in range(network["blocks"]):
            layers.append(Block(before, c, 2 if i == 0 and group > 0 else 1))
            before = c
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, network["outputs"]))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(n, t, width))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, network):
        super().__init__()
        width = network["width"]
        self.tokens = nn.Embedding(network["vocabulary"], width)
        self.position = nn.Parameter(torch.zeros(network["tokens"], width))
        parts = [TransformerBlock(width, network["heads"], network["hidden"]) for _ in range(network["layers"])]
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, network["vocabulary"], bias=False)

    def forward(self, ids):
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.position)))


MODELS = {"mlp": mlp, "cnn": cnn, "resnet": resnet, "transformer": Transformer}


def in_order(model):
    """Parameters in the order in which our model has them; PyTorch lists a module's own ones before its parts'."""
    if not isinstance(model, Transformer):
        return list(model.parameters())
    rest = [p for part in (model.blocks, model.norm, model.head) for p in part.parameters()]
    return [model.tokens.weight, model.position, *rest]


def fill(params, values):
    assert len(params) == len(values), (len(params), len(values))
    with torch.no_grad():
        for p, value in zip(params, values):
            assert p.shape == value.shape, (p.shape, value.shape)
            p.copy_(torch.from_numpy(value))



def build(network):
    return MODELS[network["kind"]](network)


def loss_of(network):
    """Mean loss of a batch: squared error of values, cross entropy of classes and of next ids."""
    if network.get("outputs") == 1:
        return F.mse_loss
    if network["kind"] == "transformer":
        return lambda logits, y: F.cross_entropy(logits.flatten(0, 1), y.flatten())
    return F.cross_entropy


def optimizer_of(workload, params):
    rate = workload["rate"]
    if workload["optimizer"] == "sgd":
        return torch.optim.SGD(params, lr=rate, momentum=workload["momentum"], fused=True)
    if workload["optimizer"] == "adam":
        return torch.optim.Adam(params, lr=rate, fused=True)
    groups = [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": workload["decay"]},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def reset(optimizer):
    """As it was before its first step."""
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor):
                value.zero_()


def target(y):
    """Class numbers and ids as PyTorch wants them, values as they are."""
    y = torch.from_numpy(y)
    return y if y.is_floating_point() else y.long()
