"""The derivation as data in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from typed_einsum.derivation import formula as formulas
from typed_einsum.derivation.formula import Equality
from typed_einsum.derivation.subject import why

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation


def to_json(derivation: Derivation, indent: int | None) -> str:
    """Every step under its name; formulas as text and as LaTeX."""
    return json.dumps(as_data(derivation), indent=indent, ensure_ascii=False)


def as_data(derivation: Derivation) -> dict[str, Any]:
    """The derivation as dicts, lists, texts and numbers."""
    subject, matrices, cost = derivation.subject, derivation.matrices, derivation.cost
    totals = cost.totals
    return {
        "equation": derivation.equation,
        "sum": list(subject.equation.summed),
        "max": list(subject.equation.maximised),
        "operands": [asdict(operand) for operand in subject.operands],
        "result": asdict(subject.result),
        "notation": _formula(derivation.notation),
        "axes": [
            {
                "label": index.label,
                "name": index.name,
                "size": index.size,
                "role": index.role.value,
                "operands": [subject.operands[i].symbol for i in index.holders],
                "diagonal_in": [subject.operands[i].symbol for i in index.repeated],
                "why": why(subject, index),
            }
            for index in subject.indices
        ],
        "loops": derivation.loops,
        "vectors": asdict(derivation.vectors),
        "matrices": {
            "path": [list(pair) for pair in matrices.plan.path],
            "pairs": [asdict(pair) for pair in matrices.pairs],
            "steps": [asdict(step) for step in matrices.steps],
            "source": matrices.source,
        },
        "cost": {
            "work": [asdict(work) for work in cost.work],
            "totals": None
            if totals is None
            else {
                **asdict(totals),
                "flops": totals.flops,
                "operations": totals.operations,
                "intensity": totals.intensity,
            },
            "alternative": None if cost.alternative is None else asdict(cost.alternative),
        },
        "gradients": {
            "winner": None if derivation.gradients.winner is None else _formula(derivation.gradients.winner),
            "operands": [
                {**asdict(gradient), "formula": _formula(gradient.formula)}
                for gradient in derivation.gradients.operands
            ],
            "source": derivation.gradients.source,
        },
        "example": None if derivation.example is None else asdict(derivation.example),
    }


def _formula(formula: Equality) -> dict[str, str]:
    return {"text": formulas.text(formula), "latex": formulas.latex(formula)}
