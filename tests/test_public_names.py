"""No public name of 0.1 is lost: each can be imported from where it was, and each code still has its page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from typed_einsum import attention, errors

NAMES: dict[str, str] = {
    "typed_einsum": """
        checks_off einsum errors explain mean normalize shape_checked shaped softmax typed_einsum
    """,
    "typed_einsum.attention": """
        AXES adapted axial bahdanau biaffine bilinear bucket_bias causal_linear chunked_scan
        decomposed_position_scores distance_buckets equations fused_dot_product gram grouped_query
        image_pooling late_interaction linear luong mixture_of_experts multi_head multi_head_latent
        multi_query offset_position_scores offsets performer positive_features region_text
        relative_position scaled_dot_product slot_attention talking_heads tensor_train
    """,
    "typed_einsum.errors": """
        ArgumentError CODES DeviceError DtypeError EquationError SettingError ShapeError
        SignatureError TypedEinsumError
    """,
    "typed_einsum.markdown": """
        derived fence makeExtension validator
    """,
    "typed_einsum.nn": """
        BNContrastiveHead Bottleneck C2fAttn ContrastiveHead Conv ImagePoolingAttn
        MaxSigmoidAttnBlock
    """,
    "typed_einsum.testing": """
        Finding Report assert_contract check_contract contract example_inputs lint
    """,
    "typed_einsum.testing.strategies": "inputs",
}
"""The public names of version 0.1, by the module to import them from. Names may be added, none removed."""

EQUATIONS = """
    alignment.biaffine alignment.bilinear alignment.context alignment.dot_scores alignment.energy
    alignment.general_scores alignment.hidden_of_keys alignment.hidden_of_state buckets.chosen_bias
    dot_product.heads dot_product.merged dot_product.mixture dot_product.scores experts.combined
    experts.dispatched experts.narrowed experts.widened grouped.grouped_mixture
    grouped.grouped_scores grouped.shared_mixture grouped.shared_scores images.column_mixture
    images.column_scores images.gram images.pooled_mixture images.pooled_scores images.region_scores
    images.row_mixture images.row_scores images.slot_scores images.slot_updates kernels.memory
    kernels.projections kernels.recalled kernels.recalled_so_far kernels.total_weight
    kernels.total_weight_so_far kernels.written latent.absorbed_queries latent.compressed
    latent.expanded_keys latent.expanded_values latent.latent_mixture latent.latent_scores
    latent.rotary_scores low_rank.dense low_rank.lowered low_rank.raised low_rank.tensor_train
    positions.column_bias positions.column_distances positions.offset_bias positions.offset_scores
    positions.relative_mixture positions.relative_scores positions.row_distances
    retrieval.best_matches retrieval.best_matches_of_batch state_space.chunk_outputs
    state_space.chunk_scores state_space.chunk_states state_space.state_outputs talking.mixed_scores
    talking.mixed_weights talking.mixture_of_heads
"""
"""The attention einsums of version 0.1, by family."""

CODES = """
    TE101 TE102 TE103 TE104 TE105 TE106 TE107 TE108 TE109 TE110 TE111 TE112 TE113 TE114 TE115 TE116
    TE117 TE201 TE202 TE203 TE204 TE205 TE206 TE207 TE301 TE302 TE303 TE304 TE305 TE306 TE401 TE402
    TE403 TE405 TE406 TE407 TE408 TE409 TE410 TE411 TE412 TE413 TE501 TE502 TE503 TE504 TE505 TE506
    TE507 TE508 TE701 TE702 TE703 TE704 TE705 TE706 TE707 TE708 TE709 TE710 TE711 TE712 TE713 TE714
    TE715 TE716 TE717 TE718 TE719 TE720
"""
"""The codes of version 0.1."""


def missing(names: dict[str, str]) -> list[str]:
    """Which of these names cannot be imported."""
    return [
        f"{module}.{name}"
        for module, listed in names.items()
        for name in listed.split()
        if not hasattr(import_module(module), name)
    ]


def test_every_name_can_be_imported() -> None:
    assert missing(NAMES) == []


def test_a_lost_name_is_found() -> None:
    assert missing({"typed_einsum": "einsum einmal"}) == ["typed_einsum.einmal"]


@pytest.mark.parametrize(
    "module", [module for module in NAMES if module != "typed_einsum.testing.strategies"]
)
def test_a_star_import_gives_every_name(module: str) -> None:
    assert set(NAMES[module].split()) <= set(import_module(module).__all__)


def test_every_equation_is_there() -> None:
    assert set(EQUATIONS.split()) <= attention.equations().keys()


def test_every_code_has_a_meaning_and_a_page() -> None:
    pages = Path(__file__).parent.parent / "docs" / "errors"
    assert set(CODES.split()) <= errors.CODES.keys()
    assert [code for code in CODES.split() if not (pages / f"{code}.md").exists()] == []
