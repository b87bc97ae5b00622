"""iobuffer: messages from devices, safe on disk, delivered in order."""

__version__ = "0.1.0"
