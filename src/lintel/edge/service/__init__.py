"""The device's gRPC services: thin, they translate between the contract and the rooms below."""

from lintel.edge.service.server import DeviceServer, serve

__all__ = ["DeviceServer", "serve"]
