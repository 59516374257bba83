"""The names that parameters have in the code of YOLO-World's authors, and what they are called here.

Checkpoints of Ultralytics have the names of these modules. Those of the authors are renamed while they load.
Theirs are in `yolo_world/models/layers/yolo_bricks.py`; the stage inherits `main_conv`, `final_conv` and
`blocks` from mmyolo's `CSPLayerWithTwoConv`, whose blocks are `DarknetBottleneck`s. mmcv's `ConvModule` calls
its parts `conv` and `bn`, as `Conv` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

BLOCK = {r"^embed_conv\.": "ec.", r"^guide_fc\.": "gl.", r"^project_conv\.": "proj_conv."}
"""`MaxSigmoidAttnBlock`; `bias` and `scale` have one name."""

STAGE = {
    r"^main_conv\.": "cv1.",
    r"^final_conv\.": "cv2.",
    r"^blocks\.(\d+)\.conv1\.": r"m.\1.cv1.",
    r"^blocks\.(\d+)\.conv2\.": r"m.\1.cv2.",
    r"^attn_block\.": "attn.",
}
"""`C2fAttn`, whose block has the names above behind `attn_block.`."""

POOLING = {r"^projections\.(\d+)\.conv\.": r"projections.\1."}
"""`ImagePoolingAttn`; all other names are the same."""


@dataclass(frozen=True)
class Renaming:
    """A hook before loading: names that begin with a pattern on the left get what is on the right."""

    names: Mapping[str, str]

    def __call__(self, _module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        for name in [name for name in state if name.startswith(prefix)]:
            rest = name[len(prefix) :]
            new = next(
                (re.sub(old, new, rest) for old, new in self.names.items() if re.match(old, rest)), rest
            )
            if new != rest:
                state[prefix + new] = state.pop(name)


def load_published(module: nn.Module, names: Mapping[str, str]) -> None:
    """Let a module load checkpoints in which its parameters have the names on the left."""
    module.register_load_state_dict_pre_hook(Renaming(names))  # type: ignore[no-untyped-call]


def bias_with_an_axis(_module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """A hook before loading: a bias without axes gets the one that ours has."""
    bias = state.get(f"{prefix}bias")
    if bias is not None and bias.ndim == 0:
        state[f"{prefix}bias"] = bias[None]
