"""Copies of modules are what `deepcopy` makes of them."""

import copy

import pytest
import torch
from torch import nn

from typed_einsum.testing.calls.modules import copied_with


class Parent(nn.Module):
    """A module whose parts know it, and that has more than parts."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 5), nn.LayerNorm(5)])
        self.again = self.layers[0]
        self.back = [self]
        self.named = {"a": [1, 2], "b": self.layers[1]}
        self.by_number = {1: [3]}
        self.register_buffer("mean", torch.ones(3))
        self.recurrent = nn.LSTM(3, 4)


def test_a_copy_shares_nothing_and_keeps_what_is_one():
    module = Parent()
    made = copied_with(module, {})
    assert made is not module
    assert made.back == [made]
    assert made.again is made.layers[0]
    assert made.named["b"] is made.layers[1]
    made.named["a"].append(3)
    made.by_number[1].append(4)
    assert (module.named["a"], module.by_number) == ([1, 2], {1: [3]})
    assert made.layers[0].weight is not module.layers[0].weight
    assert [*map(str, made.parameters())] == [*map(str, module.parameters())]


def test_a_copy_has_what_deepcopy_gives_it():
    """In every part the same attributes, of the same types."""
    module = Parent().eval()
    module.layers[1].weight.requires_grad_(False)
    for one, two in zip(copied_with(module, {}).modules(), copy.deepcopy(module).modules(), strict=True):
        assert type(one) is type(two)
        assert [(name, type(value)) for name, value in vars(one).items()] == [
            (name, type(value)) for name, value in vars(two).items()
        ]
        assert [each.requires_grad for each in one.parameters()] == [
            e.requires_grad for e in two.parameters()
        ]


def test_what_is_given_takes_its_place():
    module = nn.Sequential(nn.Linear(3, 3))
    weight = nn.Parameter(torch.empty(3, 3, device="meta"))
    made = copied_with(module, {id(module[0].weight): weight})
    assert made[0].weight is weight


class Own(nn.Module):
    """Says itself what a copy of it is."""

    def __deepcopy__(self, memo):
        made = Own()
        vars(made)["is_copy"] = True
        return made


def test_a_class_with_a_way_of_its_own_is_left_to_it():
    assert copied_with(nn.Sequential(Own()), {})[0].is_copy


@pytest.mark.parametrize("value", [3, "text", [nn.Linear(2, 2)]])
def test_what_is_no_module_is_copied_as_well(value):
    assert type(copied_with(value, {})) is type(value)
