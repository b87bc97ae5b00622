from twisted.application.service import ServiceMaker

iobuffer = ServiceMaker(
    "iobuffer",
    "iobuffer.tap",
    "Protocol gateway: messages from devices, safe on disk, delivered in order.",
    "iobuffer",
)
