"""What changes around the gateway by nobody's request: its clock, its certificates.

Floor 2: values in, sentences out; `watch.py` looks, and the audit log is told.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Surroundings"]

#: Time services correct a clock by less than this between two looks, little by little.
_STEP_SECONDS = 2.0


class Surroundings:
    """Compares each look with the one before; the first only remembers."""

    def __init__(self) -> None:
        self._offset_seconds: float | None = None
        self._files: Mapping[str, object] = {}

    def look(
        self, wall: float, seconds: float, files: Mapping[str, object]
    ) -> list[tuple[str, str]]:
        """What has changed, each as (what, detail) of a line of the audit log.

        Args:
            wall: epoch seconds.
            seconds: of a clock that nobody sets.
            files: certificates by path, each with something that tells two states of
                its file apart. One that is new here or gone is a change of the
                configuration, and none of these.
        """
        changes = []
        offset_seconds = wall - seconds
        if self._offset_seconds is not None:
            step_seconds = offset_seconds - self._offset_seconds
            if abs(step_seconds) >= _STEP_SECONDS:
                word = "forward" if step_seconds > 0 else "back"
                changes.append(
                    ("clock changed", f"set {word} by {abs(step_seconds):.0f} s")
                )
        # Always the last one: a slow drift is no step, however long it goes on.
        self._offset_seconds = offset_seconds
        changes += [
            ("certificate changed", path)
            for path, state in sorted(files.items())
            if path in self._files and self._files[path] != state
        ]
        self._files = dict(files)
        return changes
