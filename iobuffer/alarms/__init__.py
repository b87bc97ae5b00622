"""What is wrong with the gateway, said once when it begins and once when it is over.

Floor 2. A kind of alarm is a check: a class in `links.py` or `queues.py` and a line in
the tables of `raised.py`.
"""

from __future__ import annotations

from .raised import Alarm, Alarms, Change
from .verdict import AlarmKind

__all__ = ["Alarm", "AlarmKind", "Alarms", "Change"]
