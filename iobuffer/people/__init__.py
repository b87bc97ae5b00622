"""People: who may come in, what they may do, and what was done (DESIGN 10).

No Twisted and no clock of its own. What blocks says so in its docstring and is meant
for a thread: passwords (a fifth of a second each) and the audit log (a sync each).
"""

from __future__ import annotations

from .audit import AuditLog, Verdict, verify
from .errors import AuditError, PeopleError, StateFileError, TryLater
from .people import People, SignedIn
from .person import Person, Role
from .users import User

__all__ = [
    "AuditError",
    "AuditLog",
    "People",
    "PeopleError",
    "Person",
    "Role",
    "SignedIn",
    "StateFileError",
    "TryLater",
    "User",
    "Verdict",
    "verify",
]
