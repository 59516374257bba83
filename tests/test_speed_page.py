"""The numbers on the pages about speed are those of the records. Nothing is timed here."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import equations  # noqa: E402
import maximum  # noqa: E402
import models  # noqa: E402
import observe  # noqa: E402
import pages  # noqa: E402
import retrieval  # noqa: E402
import speed  # noqa: E402
import whole_models  # noqa: E402

from typed_einsum import attention  # noqa: E402

RECORD: dict[str, Any] = json.loads(speed.RECORD.read_text(encoding="utf-8"))


def test_the_page_says_what_was_recorded() -> None:
    page = speed.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, speed.tables(RECORD)) == page, "run: python benchmarks/speed.py"


def test_every_table_has_its_place() -> None:
    page = speed.PAGE.read_text(encoding="utf-8")
    for name in speed.tables(RECORD):
        assert f"<!-- {name} -->" in page


def test_another_number_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["tiny"]["@typed_einsum"]["ratio"] = 9.87
    page = speed.PAGE.read_text(encoding="utf-8")
    assert "9.87" in pages.filled(page, speed.tables(changed))
    assert "9.87" not in page


def test_the_cases_of_the_benchmark_agree_with_torch() -> None:
    for index, case in enumerate(speed.cases(speed.small_sizes)):
        if index % 10 == 0:
            assert (case.ours() - case.theirs()).abs().max() < 1e-3


MAXIMUM: dict[str, Any] = json.loads(maximum.RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", [maximum.PAGE, maximum.FLAGSHIP], ids=lambda file: file.name)
def test_the_pages_of_the_maximum_say_what_was_recorded(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    assert pages.filled(page, maximum.tables(MAXIMUM)) == page, "run: python benchmarks/maximum.py"


def test_every_table_of_the_maximum_has_its_place() -> None:
    page, flagship = (file.read_text(encoding="utf-8") for file in (maximum.PAGE, maximum.FLAGSHIP))
    for name in maximum.tables(MAXIMUM):
        assert f"<!-- {name} -->" in page
    for name in ("maximum: block", "maximum: machine"):
        assert f"<!-- {name} -->" in flagship


def test_the_contenders_of_the_maximum_agree() -> None:
    embed, guide = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 7, 3, 4)
    torch.testing.assert_close(maximum.best_text(embed, guide), maximum.reference_text(embed, guide))
    query, document = torch.randn(3, 4), torch.randn(5, 6, 4)
    torch.testing.assert_close(maximum.best_token(query, document), maximum.reference_token(query, document))
    block = maximum.MaxSigmoidAttnBlock(12, 12, nh=2, ec=12, gc=16)
    image, texts = torch.randn(2, 12, 5, 7), torch.randn(2, 9, 16)
    torch.testing.assert_close(block(image, texts), maximum.ReferenceBlock(block)(image, texts))


EQUATIONS: dict[str, Any] = json.loads(equations.RECORD.read_text(encoding="utf-8"))


def test_the_table_of_random_equations_is_that_of_the_record() -> None:
    page = equations.PAGE.read_text(encoding="utf-8")
    contents = equations.tables(EQUATIONS)
    assert all(f"<!-- {name} -->" in page for name in contents)
    assert pages.filled(page, contents) == page, "run: python benchmarks/equations.py"
    changed = copy.deepcopy(EQUATIONS)
    changed["equations"][0][3] = 9.87
    assert "9.87" in pages.filled(page, equations.tables(changed))


def test_random_equations_are_those_that_were_recorded_and_agree_with_torch() -> None:
    drawn = list(equations.cases(equations.PER_KIND))
    assert len(drawn) == 2000
    recorded = [(kind, text, sizes) for kind, text, sizes, *_ in EQUATIONS["equations"]]
    assert [(case.kind, case.text, case.sizes) for case in drawn] == recorded
    for case in drawn[::50]:
        tensors = [tensor.double() for tensor in case.tensors()]
        found = equations.einsum(case.text, *tensors, sum=case.alone or None)
        torch.testing.assert_close(found, torch.einsum(case.text, *tensors))


def test_equations_of_each_kind_are_what_their_kind_says() -> None:
    for case in equations.cases(20, seed=1):
        once = [set(row) for row in case.operands]
        held = {letter: sum(letter in row for row in once) for letter in case.sizes}
        alone = {letter for letter in held if held[letter] == 1 and letter not in case.output}
        assert alone == set(case.alone)
        assert (case.kind == "diagonals") == any(len(set(row)) < len(row) for row in case.operands)
        assert (case.kind == "three operands") == (len(case.operands) == 3)
        assert equations.LEAST_WORK <= case.work <= equations.MOST_WORK


def test_the_page_on_retrieval_says_what_was_recorded() -> None:
    page = retrieval.PAGE.read_text(encoding="utf-8")
    record = json.loads(retrieval.RECORD.read_text(encoding="utf-8"))
    assert pages.filled(page, retrieval.tables(record)) == page, "run: python benchmarks/retrieval.py"


def test_the_contenders_of_retrieval_agree() -> None:
    query, document = torch.randn(1, 5, 6), torch.randn(7, 9, 6)
    mask = torch.arange(9) < torch.randint(1, 10, (7, 1))
    expected = attention.late_interaction(query, document, mask)
    for way in (retrieval.einsum_then_max, retrieval.matmul_then_amax):
        torch.testing.assert_close(way(query, document, mask), expected)
    lengths = mask.sum(1)
    tokens = document[mask]
    torch.testing.assert_close(retrieval.each_document(query, tokens, lengths.tolist()), expected)
    packed = attention.packed_late_interaction(query, tokens, lengths.cumsum(0) - lengths)
    torch.testing.assert_close(packed, expected)


def test_the_page_on_models_says_what_was_recorded() -> None:
    page = models.PAGE.read_text(encoding="utf-8")
    record = json.loads(models.RECORD.read_text(encoding="utf-8"))
    assert record["models"].keys() == models.MODELS.keys()
    assert pages.filled(page, models.tables(record)) == page, "run: python benchmarks/models.py"


@pytest.mark.parametrize("name", ["Mamba-2 SSD", "PPO loss"])
def test_a_model_is_the_same_with_and_without_checks(name: str) -> None:
    steps = dict(models.steps(name, None))
    assert torch.equal(steps["checked"](), steps["unchecked"]())


def test_the_state_space_dual_is_its_recurrence() -> None:
    layer: Any = whole_models.ssd(models.shape_checked).module.double()
    b, t, m, p, s = 2, 96, 4, 5, 6
    x, keys, queries = (
        torch.randn(*size, dtype=torch.float64) for size in ((b, t, m, p), (b, t, s), (b, t, s))
    )
    steps = -torch.rand(b, t, m, dtype=torch.float64)
    state, expected = torch.zeros(b, m, p, s, dtype=torch.float64), []
    for at in range(t):
        state = state * steps[:, at].exp()[..., None, None]
        state = state + torch.einsum("bmp,bs->bmps", x[:, at], keys[:, at])
        expected.append(torch.einsum("bmps,bs->bmp", state, queries[:, at]))
    torch.testing.assert_close(layer.mixed(x, steps, keys, queries), torch.stack(expected, 1))


def test_windows_are_joined_where_they_were_cut() -> None:
    encoder: Any = whole_models.segmenter(models.shape_checked).module
    block = encoder.blocks[0]
    x = torch.randn(2, 16, 11, 5)
    windows = block.windows(x)
    assert windows.shape == (2 * 3 * 2, 7, 7, 5)
    torch.testing.assert_close(windows[2 + 1, 1, 2], x[0, 7 + 1, 7 + 2])
    torch.testing.assert_close(block.joined(windows, 16, 11), x)


def test_a_node_attends_to_those_that_have_an_edge_to_it() -> None:
    layer: Any = whole_models.gat(models.shape_checked).module.first.double()
    x = torch.randn(5, 64, dtype=torch.float64)
    edges = torch.tensor([[0, 1, 3, 2, 4, 0], [1, 1, 1, 0, 0, 4]])
    projected, found = layer.project(x).unflatten(1, (4, -1)), layer(x, edges)
    for node in range(5):
        near = edges[0][edges[1] == node]
        scores = (projected[near] * layer.source).sum(2) + (projected[node] * layer.target).sum(1)
        weights = torch.nn.functional.leaky_relu(scores, 0.2).softmax(0)
        torch.testing.assert_close(found[node], torch.einsum("em,emd->md", weights, projected[near]))


def test_the_page_on_observing_says_what_was_recorded() -> None:
    page = observe.PAGE.read_text(encoding="utf-8")
    record = json.loads(observe.RECORD.read_text(encoding="utf-8"))
    assert pages.filled(page, {"observe": observe.rows(record)}) == page, "run: python benchmarks/observe.py"
