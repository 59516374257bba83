"""The three promises with their figures, for README.md and the home page: `python docs/scripts/promises.py`.

The figures come from the records that the scripts in benchmarks/ write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import fresh  # noqa: E402
import pages  # noqa: E402

DOCS = ROOT / "docs"
PAGES = {
    ROOT / "README.md": ("docs/", "en"),
    DOCS / "index.md": ("", "en"),
    DOCS / "zh" / "index.md": ("../", "zh"),
}
"""Where the promises stand, what the address of a page begins with there, and in which language."""

WORDS = {
    "en": {
        "header": "promise | measured | by",
        "equations": "**Wrong equations die at import**",
        "stopped": "{} of {} mistakes stop the import, the others the call; {}",
        "none silent": "none stays silent",
        "some silent": "{} stay silent",
        "comparison": "comparison",
        "calls": "**Checked is faster than unchecked**",
        "times": "a tiny call takes {:.2f} of `torch.einsum`'s time (jaxtyping + beartype {:.1f}), "
        "a large one {:.2f}",
        "speed": "speed",
        "bugs": "**Silent shape bugs become loud in tests**",
        "found": "{} of {} silent bugs from whole layers and losses found with nothing configured, "
        "{} with a reference",
        "which tool": "which tool",
    },
    "zh": {
        "header": "承诺 | 测得 | 出处",
        "equations": "**错误的等式在导入时就失败**",
        "stopped": "{1} 个错误中，{0} 个在导入时被拦下，其余的在调用时；{2}",  # noqa: RUF001
        "none silent": "没有一个被放过",
        "some silent": "{} 个被放过",
        "comparison": "比较",
        "calls": "**检查过的比不检查的更快**",
        "times": "很小的调用用时是 `torch.einsum` 的 {:.2f}（jaxtyping + beartype 是 {:.1f}），大的是 {:.2f}",  # noqa: RUF001
        "speed": "速度",
        "bugs": "**不报错的形状错误在测试里暴露出来**",
        "found": "取自完整的层和损失函数的 {1} 个不报错的错误中，不加任何配置找到 {0} 个，"  # noqa: RUF001
        "给出参考实现时找到 {2} 个",
        "which tool": "哪个工具",
    },
}


def record(name: str) -> Any:
    """What a benchmark wrote."""
    return json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


def equations_die_at_import(language: str = "en") -> str:
    """How many seeded mistakes are caught when the function is defined."""
    words = WORDS[language]
    cells = record("rivals")["cells"].values()
    outcomes = [each["typed-einsum"]["outcome"] for each in cells]
    ours = [outcome for outcome in outcomes if outcome != "works"]  # the others are not mistakes
    silent = ours.count("silent")
    rest = words["some silent"].format(silent) if silent else words["none silent"]
    return words["stopped"].format(ours.count("at definition"), len(ours), rest)


def checked_is_faster(language: str = "en") -> str:
    """A typed call beside the unchecked one."""
    measured = record("speed")
    tiny, large = measured["tiny"]["@typed_einsum"]["ratio"], measured["large"]["forward"]["geometric mean"]
    rival = measured["tiny"]["jaxtyping + beartype"]["ratio"]
    return WORDS[language]["times"].format(tiny, rival, large)


def silent_bugs_become_loud(language: str = "en") -> str:
    """How many bugs are found of those that were collected apart from the checks."""
    found = fresh.counts(record("fresh"))
    return WORDS[language]["found"].format(found["found"], found["silent"], found["found with a reference"])


def table(folder: str, language: str) -> str:
    """The promises as a table in a language, with links from a page."""
    words = WORDS[language]

    def link(name: str, page: str) -> str:
        return f"[{words[name]}]({folder}{page})"

    return pages.table(
        words["header"].split(" | "),
        [
            [words["equations"], equations_die_at_import(language), link("comparison", "comparison.md")],
            [words["calls"], checked_is_faster(language), link("speed", "speed.md")],
            [words["bugs"], silent_bugs_become_loud(language), link("which tool", "which-tool.md")],
        ],
    )


def main() -> None:
    """Fill the pages."""
    for page, (folder, language) in PAGES.items():
        pages.fill(page, {"promises": table(folder, language)})


if __name__ == "__main__":
    main()
