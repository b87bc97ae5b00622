"""Trials: a source or a destination opened for a minute, to see whether it talks.

Floor 4. What is tried runs as it would in a channel, by the same `build`; only nothing
is stored, nothing is acknowledged and nothing is sent. So a careful sender keeps its
message, and sends it again once the channel is there.

    desk          the trials under way, and which may begin
    trial         one of them: its time, and who listens
    told          what has been told, for whoever comes later
    source        opens a source, and compares the framings over what comes
    advice        what the comparison comes down to, in words
    destination   opens a link, and lets it go
    web           asks a web server who we are to it, or whether it is there
    file          looks whether a file could be written
"""

from .desk import Trials

__all__ = ["Trials"]
