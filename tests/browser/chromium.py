"""Where Chromium is, and how it is started for tests."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Tests may run as root, where its sandbox does not work; they open pages of their own only.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


def find_chromium() -> str | None:
    """Returns the path of a Chromium that is installed; None: there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
