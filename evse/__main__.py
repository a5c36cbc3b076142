"""`python -m evse` is the command `evse`."""

import sys

from evse.cli import main

sys.exit(main())
