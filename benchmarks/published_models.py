"""Published detectors built with our classes: `python benchmarks/published_models.py` fills docs/flagship.md.

YOLO-World and YOLOE in every size, from the configurations in Ultralytics' package: once of its own modules,
and once with those of `typed_einsum.nn` in their place, which load the weights of the first. Ultralytics is
under the AGPL: it is run here, and no part of the library needs it. Install it in an environment of its own,
`pip install ultralytics==8.4.190`, with this library. Writes published_models.json. `--sizes ns` compares
the two smallest sizes again and keeps the others as they are recorded; `--quick` compares the smallest and
writes nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.gettempdir())  # where its settings are written

import torch
from pages import fill, table
from torch import Tensor, nn

import typed_einsum.nn

HERE = Path(__file__).parent
RECORD = HERE / "published_models.json"
PAGE = HERE.parent / "docs" / "flagship.md"

CONFIGURATIONS = {
    "yolov8-world": "WorldModel",
    "yolov8-worldv2": "WorldModel",
    "yoloe-v8": "YOLOEModel",
    "yoloe-v8-seg": "YOLOESegModel",
    "yoloe-11": "YOLOEModel",
    "yoloe-11-seg": "YOLOESegModel",
    "yoloe-26": "YOLOEModel",
    "yoloe-26-seg": "YOLOESegModel",
}
SIZES = "nsmlx"
IMAGES, TEXTS, HEIGHT, WIDTH = 2, 7, 64, 96

ROUNDING = 1e-12
"""A tensor this small beside the others is 0 but for rounding: a softmax cannot see the bias of its keys."""

STEPS = {
    "evaluation": "evaluation",
    "training": "training",
    "gradients": "gradients",
    "visual": "prompted by masks",
    "fused": "fused",
    "folded": "texts folded in",
}
"""What is compared, by its key in the record, and its column on the page."""


@contextmanager
def our_classes() -> Iterator[None]:
    """Our classes where the package looks its own up by name, while models are built, called and fused."""
    places = ("nn.modules", "nn.modules.block", "nn.modules.conv", "nn.modules.head", "nn.tasks")
    with ExitStack() as replaced:
        for place in (sys.modules[f"ultralytics.{name}"] for name in places):
            for name in set(typed_einsum.nn.__all__) & set(vars(place)):
                replaced.enter_context(mock.patch.object(place, name, getattr(typed_einsum.nn, name)))
        yield


@dataclass(frozen=True)
class Pair:
    """A model of the package's own modules, and one of ours with the same weights."""

    theirs: nn.Module
    ours: nn.Module

    def both(self, act: Any) -> tuple[Any, Any]:
        """What an act on either model returns."""
        with our_classes():
            mine = act(self.ours)
        return act(self.theirs), mine

    def difference(self, act: Any) -> float:
        """The largest difference between the tensors that an act returns, relative to the largest number."""
        theirs, mine = (tensors(found) for found in self.both(act))
        assert len(theirs) == len(mine) > 0
        floor = ROUNDING * max(each.abs().max().item() for each in theirs)
        return max(apart(one, other, floor) for one, other in zip(theirs, mine, strict=True))


def tensors(value: Any) -> list[Tensor]:
    """All tensors of numbers in what a model returns."""
    match value:
        case Tensor():
            return [value] if value.is_floating_point() and value.numel() else []
        case dict():
            return tensors(list(value.values()))
        case list() | tuple():
            return [inner for item in value for inner in tensors(item)]
    return []


def apart(one: Tensor, other: Tensor, floor: float) -> float:
    """The largest difference, relative to the largest number; none between tensors below the floor."""
    assert one.shape == other.shape
    assert one.isfinite().all()
    largest = max(one.abs().max().item(), other.abs().max().item())
    return 0.0 if largest <= floor else (one - other).abs().max().item() / largest


def built(configuration: str, size: str) -> Pair:
    """The published model in this size, with weights and statistics of batch norms that hide no mistake."""
    import ultralytics
    from ultralytics.nn import tasks

    folder = Path(ultralytics.__file__).parent / "cfg" / "models"
    (path,) = folder.rglob(f"{configuration}.yaml")
    settings = tasks.yaml_model_load(path)
    settings["scale"] = size
    make = getattr(tasks, CONFIGURATIONS[configuration])
    torch.manual_seed(0)
    theirs = make(copy.deepcopy(settings), verbose=False)
    with our_classes():
        mine = make(copy.deepcopy(settings), verbose=False)
    theirs.model[-1].nc = mine.model[-1].nc = TEXTS
    drawn_anew(theirs)
    mine.load_state_dict(theirs.state_dict())
    return Pair(theirs.double(), mine.double())


def ours_in(model: nn.Module) -> int:
    """How many modules of the model are this library's."""
    return sum(type(inner).__module__.startswith("typed_einsum.nn") for inner in model.modules())


def drawn_anew(model: nn.Module) -> None:
    """Draw what is 0 or 1 before training, and let the batch norms see an image, so that no signal fades."""
    norms = [inner for inner in model.modules() if isinstance(inner, nn.BatchNorm2d)]
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2 or name.endswith(".scale"):
            parameter.data += 0.2 * torch.randn_like(parameter)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        call(model.train())
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


def inputs(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Images, and a text of 512 channels for each class, as the model's numbers."""
    generator = torch.Generator().manual_seed(1)
    like = next(model.parameters()).dtype
    image = torch.rand(IMAGES, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    texts = torch.randn(IMAGES, TEXTS, 512, generator=generator, dtype=torch.float64)
    return image.to(like), nn.functional.normalize(texts, dim=-1).to(like)


def call(model: nn.Module) -> Any:
    """The outputs for images and texts."""
    image, texts = inputs(model)
    keyword = "txt_feats" if is_world(model) else "tpe"
    return model(image, **{keyword: texts})


def is_world(model: nn.Module) -> bool:
    return type(model).__name__ == "WorldModel"


def gradients(model: nn.Module) -> list[Tensor]:
    """The gradients of all parameters, for a sum of all outputs with weights of their own."""
    model.zero_grad()
    generator = torch.Generator().manual_seed(2)
    found = [each for each in tensors(call(model)) if each.requires_grad]
    loss = sum((each * torch.randn(each.shape, generator=generator).to(each)).mean() for each in found)
    assert isinstance(loss, Tensor)
    loss.backward()
    return [p.grad for _, p in sorted(model.named_parameters()) if p.grad is not None]


def visual(model: nn.Module) -> Tensor:
    """The prompts that YOLOE reads off the regions of an image, in float32: in float64 its mask is NaN."""
    model = copy.deepcopy(model).float()
    image, _ = inputs(model)
    masks = (torch.arange(WIDTH // 8) // 4 == torch.arange(5)[:, None]).to(image)
    regions = masks[None, :, None].expand(IMAGES, -1, HEIGHT // 8, -1)
    prompts: Tensor = model(image, vpe=regions, return_vpe=True)
    return prompts


def fold_texts(model: Any) -> Any:
    """The outputs after one set of texts is folded into the convolutions before YOLOE's heads."""
    image, texts = inputs(model)
    names = [f"class {index}" for index in range(TEXTS)]
    model.set_classes(names, model.model[-1].get_tpe(texts[:1]))
    model.model[-1].fuse(model.pe)
    return model(image)


def compared(configuration: str, size: str) -> dict[str, Any]:
    """Load, train, evaluate, fuse: how far the two models are apart at each step."""
    pair = built(configuration, size)
    assert not ours_in(pair.theirs)
    found: dict[str, Any] = {
        "modules": ours_in(pair.ours),
        "parameters": sum(p.numel() for p in pair.ours.parameters()),
    }
    state = copy.deepcopy(pair.theirs.state_dict())
    pair.both(lambda model: model.train())
    found["training"] = pair.difference(call)
    pair.both(lambda model: model.load_state_dict(state))
    found["gradients"] = pair.difference(gradients)
    pair.both(lambda model: model.load_state_dict(state))
    pair.both(lambda model: model.eval())
    with torch.no_grad():
        found["evaluation"] = pair.difference(call)
        if not is_world(pair.theirs):
            found["visual"] = pair.difference(visual)
        pair.both(lambda model: model.fuse(verbose=False))
        assert all(pair.both(lambda model: model.is_fused()))
        found["fused"] = pair.difference(call)
        if not is_world(pair.theirs):
            found["folded"] = pair.difference(fold_texts)
    return found


def shown(difference: float) -> str:
    return f"{difference:.0e}" if difference else "0"


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The table for the page: the worst of all sizes of a configuration."""
    rows = []
    for configuration, sizes in record["models"].items():
        worst = {step: [each[step] for each in sizes.values() if step in each] for step in STEPS}
        modules = [each["modules"] for each in sizes.values()]
        rows.append(
            [
                f"{configuration}, {', '.join(sizes)}",
                " to ".join(str(count) for count in sorted({min(modules), max(modules)})),
                *(shown(max(each)) if each else "" for each in worst.values()),
            ]
        )
    header = ["configuration, sizes", "modules of ours", *STEPS.values()]
    used = f"Ultralytics {record['ultralytics']}, PyTorch {record['torch']}, float64 on a CPU."
    return {"published models": f"{table(header, rows)}\n\n{used}"}


def main() -> None:
    """Compare, and write what was found."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--sizes", default=SIZES, help="such as ns (default: all)")
    reader.add_argument("--quick", action="store_true", help="the smallest size alone; writes nothing")
    asked = reader.parse_args()
    import ultralytics

    record: dict[str, Any] = {"models": {name: {} for name in CONFIGURATIONS}}
    if RECORD.exists() and not asked.quick:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
    record |= {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ultralytics": ultralytics.__version__,
    }
    for size in SIZES[:1] if asked.quick else asked.sizes:
        for configuration in CONFIGURATIONS:
            found = compared(configuration, size)
            record["models"][configuration][size] = found
            print(configuration, size, json.dumps(found), flush=True)
    if not asked.quick:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        fill(PAGE, tables(record))
    print(tables(record)["published models"])


if __name__ == "__main__":
    main()
