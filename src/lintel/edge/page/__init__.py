"""The page for browsers: the kiosk's view and the operator's, live, over HTTP on one port.

Nothing of it imports gRPC, and nothing is imported before there is to be a page: the service does,
where the settings want one.
"""

from lintel.edge.page.languages import open_languages
from lintel.edge.page.report import Sources
from lintel.edge.page.server import DEFAULT_ADDRESS, Page

__all__ = ["DEFAULT_ADDRESS", "Page", "Sources", "open_languages"]
