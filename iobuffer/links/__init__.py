"""Connections as such: sockets tuned, TLS, one dialled for ever, one port kept open.

Floor 3. Sources and destinations are built on these; nothing here knows of framings,
channels or messages.
"""
