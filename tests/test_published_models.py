"""The table of published models is what was recorded, and what compares the models sees differences."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import pages
import published_models as published

from typed_einsum.nn import Conv

RECORD: dict[str, Any] = json.loads(published.RECORD.read_text(encoding="utf-8"))


def test_the_page_says_what_was_recorded() -> None:
    page = published.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, published.tables(RECORD)) == page, "run: python benchmarks/published_models.py"


def test_another_number_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["models"]["yoloe-26"]["n"]["fused"] = 0.125
    page = published.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, published.tables(changed)) != page


@pytest.mark.parametrize("configuration", published.CONFIGURATIONS)
def test_models_of_our_classes_compute_the_same_numbers(configuration: str) -> None:
    for found in RECORD["models"][configuration].values():
        assert found["modules"] > 0
        for step in ("evaluation", "training", "gradients", "fused"):
            assert found[step] < 1e-11
        for step in ("visual", "folded"):
            assert (step in found) == configuration.startswith("yoloe")
            assert found.get(step, 0) < 1e-6


def test_a_difference_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = [stand_in(monkeypatch)]
    pair = published.Pair(nn.Linear(3, 5), nn.Linear(3, 5))
    pair.ours.load_state_dict(pair.theirs.state_dict())
    x = torch.randn(2, 3)
    assert pair.difference(lambda model: {"y": [model(x), None]}) == 0
    with torch.no_grad():
        pair.ours.get_parameter("bias")[4] += 0.5
    assert pair.difference(lambda model: (model(x),)) > 0.01
    assert taken[0].Conv is str


def test_our_classes_stand_where_the_package_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    place: Any = stand_in(monkeypatch)
    with published.our_classes():
        assert place.Conv is Conv
        assert not hasattr(place, "C2fAttn")
    assert place.Conv is str


def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One module for all those of the package, with a class that has the name of one of ours."""
    place = ModuleType("stand_in")
    vars(place)["Conv"] = str
    for name in ("nn.modules", "nn.modules.block", "nn.modules.conv", "nn.modules.head", "nn.tasks"):
        monkeypatch.setitem(sys.modules, f"ultralytics.{name}", place)
    return place
