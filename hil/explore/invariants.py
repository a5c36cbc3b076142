"""What the guard promises: sentences of the design over what an onlooker remembers.

Every sentence is judged in every reachable state (`hil/explore/worlds.py`). They stand by idea in
`closing`, `opening`, `plug_lock`, `phases`, `plug_in` and `latches` beside this file.
"""

from __future__ import annotations

from hil.explore.closing import CLOSING
from hil.explore.latches import LATCH_TRACKERS, LATCHED
from hil.explore.opening import OPENING
from hil.explore.phases import PHASE_TRACKERS, PHASES
from hil.explore.plug_in import PLUG_IN, PLUG_IN_TRACKERS
from hil.explore.plug_lock import PLUG_LOCK
from hil.explore.trackers import TRACKERS

ALL_TRACKERS = (*TRACKERS, *PHASE_TRACKERS, *PLUG_IN_TRACKERS, *LATCH_TRACKERS)
"""In the order in which they run: later ones may look at what earlier ones set."""

INVARIANTS = (*CLOSING, *OPENING, *PLUG_LOCK, *PHASES, *PLUG_IN, *LATCHED)
"""In the order in which they are judged: of two that one step breaks, the first is told."""
