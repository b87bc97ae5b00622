"""Why a file cannot be written, and what to do about it, in words."""

from __future__ import annotations

import errno

__all__ = ["why_not"]


def why_not(error: OSError) -> str:
    """What failed, and the remedy."""
    where = error.filename or "the file"
    what = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "make room on its file system; the delivery then goes on by itself"
    elif error.errno in (errno.EACCES, errno.EPERM):
        remedy = "let the service's user write there"
    elif error.errno == errno.EROFS:
        remedy = (
            "the file system is mounted read-only; remount it, after a look at dmesg"
        )
    elif error.errno == errno.EIO:
        remedy = "the disk fails; see dmesg"
    elif error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
        what = "another destination or program has the file locked"
        remedy = "give each destination a path of its own, with {destination} in it"
    elif error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EINVAL):
        remedy = "choose another path"
    else:
        return f"{where}: {what}"
    return f"{where}: {what}; {remedy}"
