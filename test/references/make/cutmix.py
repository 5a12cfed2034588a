"""cutmix.json: boxes of CutMix for given shares and centres, by rand_bbox of a checkout of clovaai/CutMix-PyTorch.

    python cutmix.py PATH/TO/CutMix-PyTorch/train.py
"""

import ast
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
from common import source, write

np.int = int  # the release is older than NumPy 1.24, which took this name out
tree = ast.parse(Path(sys.argv[1]).read_text())
made = {"np": np}
exec(compile(ast.Module([n for n in tree.body if getattr(n, "name", "") == "rand_bbox"], []), "rand_bbox", "exec"), made)


def box(height, width, kept, row, column):
    with patch.object(np.random, "randint", side_effect=[row, column]):
        top, left, bottom, right = made["rand_bbox"]((1, 1, height, width), kept)
    return {
        "name": f"{height} x {width}, {kept} kept, about ({row}, {column})",
        "options": {"height": height, "width": width},
        "inputs": {"kept": kept, "row": row, "column": column},
        "output": [int(top), int(bottom), int(left), int(right)],
    }


write(
    "cutmix",
    {**source("cutmix.py"), "tool": "NumPy", "version": np.__version__, "release": "clovaai/CutMix-PyTorch 2d8eb68"},
    [
        box(8, 8, 0.5, 0, 7),
        box(8, 8, 0.25, 3, 4),
        box(8, 8, 0.984375, 5, 5),
        box(28, 20, 0.75, 27, 0),
        box(28, 20, 0.125, 14, 10),
        box(5, 6, 0.0, 2, 3),
        box(32, 32, 0.4375, 9, 30),
    ],
)
