"""onnx-files.json: networks that PyTorch exported to ONNX, with what PyTorch computes with them."""

import base64
import io

import numpy as np
import torch
import torch.onnx._internal.torchscript_exporter.onnx_proto_utils as proto
from common import grid, source, write
from torch import nn

# what it does needs the package onnx, and is for functions of one's own, of which there are none here
proto._add_onnxscript_fn = lambda model, operators: model
rng = np.random.default_rng(31)
torch.set_default_dtype(torch.float32)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(outputs)
        self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(outputs, momentum=0.3)
        same = inputs == outputs
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        y = self.b2(self.c2(torch.relu(self.b1(self.c1(x)))))
        return torch.relu(y + self.skip(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3, 1, 1)
        self.a = Block(3, 3, 1)
        self.b = Block(3, 4, 2)
        self.fc = nn.Linear(4, 10)

    def forward(self, x):
        x = self.b(self.a(torch.relu(self.stem(x))))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU6(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, padding=1, groups=4),
            nn.Hardswish(),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            nn.Dropout(0.5),
        )
        self.c = nn.Linear(16, 5)

    def forward(self, x):
        y = self.f(x)
        return self.c(y.view(y.size(0), -1))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 8)
        self.n = nn.LayerNorm(8)
        self.b = nn.Linear(8, 3)

    def forward(self, x):
        return torch.softmax(self.b(nn.functional.gelu(self.n(self.a(x)))), -1)


def case(name, net, shape, fixed=False, folded=False):
    x = grid(rng, 5, *shape).float()
    # running statistics of their own
    net.train()
    for _ in range(3):
        net(grid(rng, 8, *shape).float() + 0.5)
    file = io.BytesIO()
    axes = None if fixed else {"x": {0: "n"}, "y": {0: "n"}}
    net.eval()
    torch.onnx.export(
        net,
        torch.zeros(1, *shape),
        file,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=axes,
        # folding makes convolutions of those that are normalized
        do_constant_folding=folded,
    )
    output = net(x)
    state = {path: value.clone() for path, value in net.state_dict().items() if value.dim() > 0}
    net.train()
    training = net(x)
    after = {path: value for path, value in net.state_dict().items() if "running" in path}
    drawn = any(isinstance(part, nn.Dropout) for part in net.modules())
    return {
        "name": name,
        "onnx": base64.b64encode(file.getvalue()).decode(),
        "inputs": {"x": x.double()},
        "output": output.double(),
        "state": {path: value.double() for path, value in state.items()},
        **({} if drawn or folded else {"training": training.double(), "buffers": {p: v.double() for p, v in after.items()}}),
    }


write(
    "onnx-files",
    source("onnx_files.py", how="torch.onnx.export by TorchScript, operator set 17; float32"),
    [
        case("residual", Residual(), [1, 8, 8]),
        case("residual, of one row", Residual(), [1, 8, 8], fixed=True),
        case("residual, folded", Residual(), [1, 8, 8], folded=True),
        case("plain", Plain(), [3, 8, 8]),
        case("plain, of one row", Plain(), [3, 8, 8], fixed=True),
        case("dense", Dense(), [6]),
    ],
)
