"""How findings are printed: lines for people, data for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from typed_einsum import __version__
from typed_einsum.cli.pages import SITE, address_of
from typed_einsum.errors import CODES
from typed_einsum.testing.process.outcome import Outcome

FORMATS = ("text", "json", "github", "sarif")


def as_json(outcomes: Sequence[Outcome], summary: str) -> str:
    """Every outcome as data, and the counts."""
    listed = [asdict(outcome) for outcome in outcomes]
    return json.dumps(
        {"version": __version__, "summary": summary, "outcomes": listed}, ensure_ascii=False, indent=1
    )


def as_annotation(outcome: Outcome) -> str:
    """A line that GitHub shows beside the code; empty for outcomes that need no attention."""
    kinds = {"finding": "error", "advice": "notice", "failed": "warning"}
    if outcome.kind not in kinds:
        return ""
    place = f"file={_property(outcome.file)},line={outcome.line},col={outcome.column}"
    title = _property(outcome.code or "could not run")
    name = f" (in {outcome.name})" if outcome.name else ""
    return f"::{kinds[outcome.kind]} {place},title={title}::{_data(outcome.text + name)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(outcomes: Sequence[Outcome]) -> str:
    """A log in the Static Analysis Results Interchange Format, version 2.1.0."""
    found = [outcome for outcome in outcomes if outcome.kind in ("finding", "advice")]
    failed = [outcome for outcome in outcomes if outcome.kind == "failed"]
    used = sorted({outcome.code for outcome in found})
    driver = {
        "name": "typed-einsum",
        "version": __version__,
        "informationUri": SITE,
        "rules": [
            {"id": code, "shortDescription": {"text": CODES[code]}, "helpUri": address_of(code)}
            for code in used
        ],
    }
    invocation = {
        "executionSuccessful": not failed,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"{outcome.file}: {outcome.text}"}} for outcome in failed
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": [_result(outcome, used) for outcome in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=1)


def _result(outcome: Outcome, rules: Sequence[str]) -> dict[str, Any]:
    region = {"startLine": outcome.line, "startColumn": outcome.column}
    place = {"artifactLocation": {"uri": outcome.file.replace("\\", "/")}, "region": region}
    return {
        "ruleId": outcome.code,
        "ruleIndex": rules.index(outcome.code),
        "level": "error" if outcome.kind == "finding" else "note",
        "message": {"text": outcome.text},
        "locations": [{"physicalLocation": place, "logicalLocations": [{"name": outcome.name}]}],
    }
