"""Runs a program with the annotations that `typed-einsum annotate` wants to prove, in place of `python`."""

from __future__ import annotations

import sys

from typed_einsum.cli.running import CannotRun, Program
from typed_einsum.testing.annotate.overlay import install_from_environment


def main() -> None:
    """Run the script or the module that the arguments name, as Python does."""
    overlay = install_from_environment()
    program = Program.of(sys.argv[1:])
    sys.argv = ["-c" if program.is_code else program.name, *program.arguments]
    sys.path[0] = program.place
    try:
        code, module = program.prepared(overlay)
    except CannotRun as error:
        sys.exit(f"typed-einsum: {error}")
    if program.is_module:
        sys.argv[0] = str(module.__file__)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


if __name__ == "__main__":
    main()
