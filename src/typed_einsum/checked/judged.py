"""Generated lines that have jaxtyping and beartype judge what only they can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from typed_einsum.checked.signature import STARS, CheckedSignature
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.guards import unless


@dataclass
class JudgedLines:
    """Writes for one wrapper how values are handed to jaxtyping and beartype.

    `values` has the variable of each argument; a parameter that a call leaves out holds `missing`.
    """

    checks: ShapeChecks
    parameters: Sequence[Parameter]
    values: Mapping[str, str]
    missing: str

    def lines(
        self, checked: CheckedSignature, result: Mapping[str, str], names: str, leave: str
    ) -> list[str]:
        """Lines that leave where an argument, or the result, is refused; names it binds go into `names`."""
        if not checked.judged and not result:
            return []
        judge = checked.judge_of((*checked.judged, *result))
        pairs = [self._pair(p) for p in self.parameters if p.name in checked.judged]
        pairs += [f"{self.checks.constant('label', label)}: {value}" for label, value in result.items()]
        accepts = self.checks.constant("accepts", judge.accepts)
        has_fields = any("{" in str(annotation) for annotation in judge.annotations.values())
        arguments = self.by_name() if has_fields else "{}"
        return unless([f"not {accepts}({{{', '.join(pairs)}}}, {names}, {arguments})"], leave)

    def by_name(self) -> str:
        """The source of a dict of all arguments."""
        pairs = [f"{self.checks.constant('label', p.name)}: {self.values[p.name]}" for p in self.parameters]
        return f"{{{', '.join(pairs)}}}"

    def _pair(self, p: Parameter) -> str:
        label = self.checks.constant("label", p.name)
        if p.kind in STARS:
            each = f"{p.name}.values()" if p.kind is Parameter.VAR_KEYWORD else p.name
            return f"**{self.checks.constant('labelled', _labelled)}({label}, {each})"
        if p.default is Parameter.empty:
            return f"{label}: {p.name}"
        return f"**({{{label}: {p.name}}} if {p.name} is not {self.missing} else {{}})"


def _labelled(label: str, values: Iterable[Any]) -> dict[str, Any]:
    """The values of `*args` or `**kwargs`, each with its own label."""
    return {f"{label}[{index}]": value for index, value in enumerate(values)}
