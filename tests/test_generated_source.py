"""The source of generated checks can be read, lives as long as its function, and takes names of any kind."""

from __future__ import annotations

import ast
import gc
import inspect
import linecache
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.signatures import defined
from support.written_values import Thing
from test_generated import outcome

from typed_einsum import shape_checked, typed_einsum

CHECKED = """
def scaled(x: Float[Tensor, "b c"], by: Float[Tensor, "c"]) -> Float[Tensor, "b c"]:
    return x * by
"""
EINSUM = """
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...
"""
MADE = {
    "shape_checked": lambda: shape_checked(defined(CHECKED)["scaled"]),
    "typed_einsum": lambda: typed_einsum(defined(EINSUM)["scores"]),
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_the_source_can_be_read(made: Callable[[], Any]) -> None:
    function = made()
    assert function.source.startswith(f"def {function.__name__}(")
    assert compile(function.source, "source", "exec")
    assert inspect.getsource(function.__code__) == function.source
    assert "Float[Tensor" in inspect.getsource(function)  # the function itself shows what the user wrote


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_the_source_lives_as_long_as_its_function(made: Callable[[], Any]) -> None:
    function = made()
    filename, source = function.__code__.co_filename, function.source
    linecache.checkcache()
    gc.collect()
    assert "".join(linecache.getlines(filename)) == source


def test_sources_do_not_pile_up_when_functions_are_made_many_times() -> None:
    def make_all() -> int:
        for made in MADE.values():
            made()
        gc.collect()
        return sum(name.startswith("<typed_einsum ") for name in linecache.cache)

    before = make_all()
    assert max(make_all() for _ in range(20)) <= before


def test_a_function_may_end_while_a_traceback_goes_through_all_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [make() for make in MADE.values()]

    class Cache(dict[str, Any]):
        def keys(self) -> Any:
            names = [*super().keys()]
            made.clear()
            gc.collect()
            return names

    monkeypatch.setattr(linecache, "cache", Cache(linecache.cache))
    linecache.checkcache()  # a KeyError here is what the traceback of an error would end in


def test_a_traceback_shows_the_source() -> None:
    function = shape_checked(defined('def broken(x: Float[Tensor, "a"]): return x + None')["broken"])
    with pytest.raises(TypeError) as caught:
        function(torch.ones(2))
    told = "".join(traceback.format_exception(caught.value))
    assert "<typed_einsum broken #" in told
    calling = next(line for line in function.source.splitlines() if "_function" in line)
    assert calling.strip() in told


@pytest.mark.parametrize(
    "parameters",
    [
        'x: Float[Tensor, "*#a"]',
        'x: Float[Tensor, "#a"]',
        'x: Float[Tensor, "a 2*b"]',
        'x: Float[Tensor, "a {n}*b"], n: int',
        'x: list[Float[Tensor, "a b"]]',
        'x: Float[Tensor, "a b"] | Float[Tensor, "a"]',
        'x: Float[Tensor, "a a/2"]',
        '*x: Float[Tensor, "a"]',
    ],
)
def test_every_checked_function_has_a_source(parameters: str) -> None:
    checked = shape_checked(defined(f"def f({parameters}): return x")["f"])
    assert "anywhere_off" in checked.source
    ast.parse(checked.source)


# Names never reach the source, and none clashes with what it is made of.


@pytest.mark.parametrize("name", ["class", "if", "None", "print", "é", "x1", "type", "e__", "日本"])
def test_an_axis_of_any_name(name: str) -> None:
    parameters = f'x: Float[Tensor, "{name} b"], y: Float[Tensor, "*{name} {name}"]'
    checked = shape_checked(defined(f"def f({parameters}): return True")["f"])
    assert checked.source is not None
    assert checked(torch.ones(2, 3), torch.ones(3, 5, 2))
    assert outcome(checked, torch.ones(2, 3), torch.ones(5))[1] == "TE201"
    words = {node.id for node in ast.walk(ast.parse(checked.source)) if isinstance(node, ast.Name)}
    assert name not in words - {"type"}
    parameters = f'x: Float[Tensor, "{name} b"], y: Float[Tensor, "{name}"]'
    contract = typed_einsum(defined(f'def f({parameters}) -> Float[Tensor, "b"]: ...')["f"])
    assert torch.equal(contract(torch.ones(2, 3), torch.ones(2)), torch.full((3,), 2.0))
    assert outcome(contract, torch.ones(2, 3), torch.ones(5))[1] == "TE201"


PARAMETERS = [
    *("type", "len", "tuple", "isinstance", "ValueError", "torch", "self_", "match", "_", "__", "__class__"),
    *("_0", "_1", "_2", "_3", "_type0", "_type4", "_missing1", "_solver2", "_switch5", "scope", "é"),
]


@pytest.mark.parametrize("left", PARAMETERS)
@pytest.mark.parametrize("right", ["type", "_0", "x", "tuple"])
def test_a_parameter_of_any_name(left: str, right: str) -> None:
    right = "other" if right == left else right
    parameters = f'{left}: Float[Tensor, "a"], {right}: tuple[Float[Tensor, "a"]], x_: Thing = None'
    checked = shape_checked(defined(f"def f({parameters}): return True", {"Thing": Thing})["f"])
    assert checked(torch.ones(2), (torch.ones(2),))
    assert checked(**{left: torch.ones(2), right: (torch.ones(2),)}, x_=Thing())
    assert outcome(checked, torch.ones(2), (torch.ones(3),))[1] == "TE201"
    assert outcome(checked, torch.ones(2), 3)[1] == "TE406"
    assert outcome(checked, torch.ones(2), (torch.ones(2),), 3)[1] == "TE406"
    parameters = f'{left}: Float[Tensor, "a b"], {right}: Float[Tensor, "b"]'
    contract = typed_einsum(defined(f'def f({parameters}) -> Float[Tensor, "a"]: ...')["f"])
    assert torch.equal(contract(torch.ones(2, 3), torch.ones(3)), torch.full((2,), 3.0))
    assert torch.equal(contract(**{right: torch.ones(3), left: torch.ones(2, 3)}), torch.full((2,), 3.0))
    assert outcome(contract, torch.ones(2, 3), torch.ones(5))[1] == "TE201"


FUNCTION_NAMES = [
    *("type", "tuple", "isinstance", "ValueError", "torch", "_0", "_type4", "_solver2", "_switch5"),
    *(
        "_function20",
        "__builtins__",
        "__typed_einsum__",
        "__name__",
        "é",
        "ﬁ",
        "class",
        "not a name",
        "<lambda>",
        "",
    ),
]


@pytest.mark.parametrize("name", FUNCTION_NAMES)
def test_a_function_of_any_name(name: str) -> None:
    parameters = 'x: Float[Tensor, "a"], y: tuple[Float[Tensor, "a"]], z: Thing'
    function = defined(f"def f({parameters}): return x", {"Thing": Thing})["f"]
    function.__name__ = name
    checked = shape_checked(function)
    assert checked.__name__ == name
    assert len(checked(torch.ones(2), (torch.ones(2),), Thing())) == 2
    assert outcome(checked, torch.ones(2), (torch.ones(3),), Thing())[1] == "TE201"
    assert outcome(checked, torch.ones(2), (torch.ones(2),), 3)[1] == "TE406"
    function = defined('def f(x: Float[Tensor, "a b"], y: Float[Tensor, "b"]) -> Float[Tensor, "a"]: ...')[
        "f"
    ]
    function.__name__ = name
    contract = typed_einsum(function)
    assert torch.equal(contract(torch.ones(2, 3), torch.ones(3)), torch.full((2,), 3.0))
    assert outcome(contract, torch.ones(2, 3), torch.ones(5))[1] == "TE201"
