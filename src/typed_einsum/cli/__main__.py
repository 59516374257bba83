"""`python -m typed_einsum.cli`."""

import sys

from typed_einsum.cli import main

sys.exit(main())
