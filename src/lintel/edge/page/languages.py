"""What the page says, in many languages: one file each."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from lintel.edge.config.page import Page
from lintel.edge.errors import SettingsInvalidError

logger = logging.getLogger("lintel.page")

# What others do not say is said in it.
FALLBACK = "en"
BUILTIN = Path(__file__).with_name("languages")
_LARGEST_FILE = 256 * 1024
_MOST_FILES = 100
# Language, script, region and variant (RFC 5646, 2.1), in the letters that browsers write them in.
# Browsers write no numbers and times in what is no code, and the page would stand still.
_CODE = re.compile(
    r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))?"
)


class LanguageFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file of texts.

    Attributes:
        texts: By key.
        name: What the language calls itself; "": as a file that it changes says.
        direction: How it is written; None: likewise.
    """

    texts: dict[str, str]
    name: str = ""
    direction: Literal["ltr", "rtl"] | None = None


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the page.

    Attributes:
        code: BCP 47, such as "fr" or "pt-BR".
        name: What it calls itself.
        direction: "ltr" or "rtl".
        texts: By key; the same keys in every language.
    """

    code: str
    name: str
    direction: str
    texts: Mapping[str, str]


class Languages:
    """The languages of the page.

    Args:
        directory: Folder of further files, or of changes to the built-in ones; None: none.
        chosen: Code of the language that the settings name; "": none.

    Attributes:
        all: By code, the built-in ones first.

    Raises:
        SettingsInvalidError: The folder or a file cannot be read, or there is no such language.
    """

    def __init__(self, directory: Path | None = None, chosen: str = "") -> None:
        files = {path.stem: _read(path) for path in sorted(BUILTIN.glob("*.json"))}
        for path in _further(directory) if directory is not None else ():
            files[path.stem] = _changed(files.get(path.stem), _read(path))
        base = files[FALLBACK]
        self.all = MappingProxyType(
            {code: _language(code, file, base) for code, file in files.items()}
        )
        if chosen and chosen not in self.all:
            raise SettingsInvalidError(
                f"There is no such language; there are {', '.join(self.all)}.",
                field="page.language",
            )
        self._chosen = chosen

    def choose(self, asked: str, accepted: str) -> Language:
        """Chooses the language of a reply.

        Args:
            asked: Code that the address asks for, or "".
            accepted: The header Accept-Language, or "".

        Returns:
            The one that is asked for, else that of the settings, else the best that the browser
            accepts, else English.
        """
        for code in (asked, self._chosen, *_by_preference(accepted)):
            found = self.all.get(code) or self.all.get(code.partition("-")[0])
            if code and found is not None:
                return found
        return self.all[FALLBACK]


def open_languages(settings: Page) -> Languages:
    """Reads the languages that the settings name.

    Raises:
        SettingsInvalidError: See Languages.
    """
    folder = settings.languages_directory
    return Languages(Path(folder) if folder else None, settings.language)


def _by_preference(accepted: str) -> list[str]:
    """Returns the codes of the header Accept-Language (RFC 9110, 12.5.4), the best first."""
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        code, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.partition("=")[2] or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((-weight, code.strip()))
    return [code for _, code in sorted(weighed, key=lambda one: one[0])]


def _further(directory: Path) -> list[Path]:
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise SettingsInvalidError(
            f"The folder {directory} of languages cannot be read: {error.strerror}.",
            field="page.languages_directory",
        ) from error
    if len(files) > _MOST_FILES:
        raise SettingsInvalidError(
            f"The folder of languages holds more than {_MOST_FILES} files.",
            field="page.languages_directory",
        )
    for path in files:
        if not _CODE.fullmatch(path.stem):
            raise SettingsInvalidError(
                f'The file of a language, {path.name}, is not named by a code, as in "pt-BR.json".',
                field="page.languages_directory",
            )
    return files


def _read(path: Path) -> LanguageFile:
    try:
        with path.open("rb") as file:
            written = file.read(_LARGEST_FILE + 1)
        if len(written) <= _LARGEST_FILE:
            return msgspec.json.decode(written, type=LanguageFile)
        problem = f"it is larger than {_LARGEST_FILE} bytes"
    except OSError as error:
        problem = error.strerror or "it cannot be read"
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        problem = str(error)
    raise SettingsInvalidError(
        f"The file of a language, {path.name}, is wrong: {problem}.",
        field="page.languages_directory",
    )


def _changed(builtin: LanguageFile | None, file: LanguageFile) -> LanguageFile:
    if builtin is None:
        return file
    return LanguageFile(
        {**builtin.texts, **file.texts},
        file.name or builtin.name,
        file.direction or builtin.direction,
    )


def _language(code: str, file: LanguageFile, base: LanguageFile) -> Language:
    unknown = file.texts.keys() - base.texts.keys()
    if unknown:
        listed = ", ".join(sorted(unknown)[:5])
        logger.warning("the language %s has texts that the page does not use: %s", code, listed)
    texts = {key: file.texts.get(key) or text for key, text in base.texts.items()}
    return Language(code, file.name or code, file.direction or "ltr", MappingProxyType(texts))
