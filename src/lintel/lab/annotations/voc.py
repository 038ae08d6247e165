"""Pascal VOC: an XML file a picture (Everingham et al., "The PASCAL Visual Object Classes", 2010).

Coordinates are taken as they are written, from 0, as annotation tools write them; the original
challenge counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as Tree

import defusedxml
import defusedxml.ElementTree

from lintel.lab.annotations.collecting import (
    PictureCollector,
    Report,
    images_folder,
    inner_name,
    picture_path,
    refuse,
    without_repeats,
)
from lintel.lab.annotations.files import shortest, to_number, to_side
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Corners, Reading
from lintel.lab.errors import AnnotationError


def read_voc(
    folder: Path, images: Path | None = None, *, report: Report = refuse
) -> tuple[AnnotatedPicture, ...]:
    """Reads the XML files of a folder and of those in it.

    Args:
        folder: Of the XML files, or what holds them in `Annotations` or `annotations`.
        images: Folder that file names are relative to. Default: `images` or `JPEGImages` in or
            beside the XML files' folder, or that folder.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in order of the XML files' names; difficult objects are ignored boxes.

    Raises:
        AnnotationError: There are no XML files; or see `report`.
    """
    within = [folder / name for name in ("Annotations", "annotations") if (folder / name).is_dir()]
    folder = next(iter(within), folder)
    files = sorted(folder.rglob("*.xml"))
    if not files:
        raise AnnotationError("there are no XML files in this folder.", path=folder)
    images = images or images_folder(folder)
    pictures: list[AnnotatedPicture] = []
    for file in files:
        try:
            pictures.append(_read_file(file, images, report))
        except AnnotationError as error:
            report(error)
    return without_repeats(pictures, folder, report)


def write_voc(pictures: Iterable[AnnotatedPicture], folder: Path, images: Path) -> None:
    """Writes an XML file a picture.

    Args:
        pictures: What to write; boxes, labels and what is ignored are kept, exactly.
        folder: Where the files go; it is made if need be.
        images: Folder that the pictures are in.

    Raises:
        AnnotationError: A picture lies elsewhere, or two would share an XML file.
    """
    written: set[Path] = set()
    for picture in pictures:
        name = inner_name(picture, images)
        file = (folder / name).with_suffix(".xml")
        if file in written:
            raise AnnotationError(
                "another picture has this name but for its ending.", path=picture.path
            )
        written.add(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        tree = Tree.ElementTree(_to_xml(picture, name))
        Tree.indent(tree)
        tree.write(file, encoding="utf-8")


def _read_file(file: Path, images: Path, report: Report) -> AnnotatedPicture:
    try:
        root = defusedxml.ElementTree.fromstring(file.read_bytes())
    except OSError as error:
        raise AnnotationError(f"it cannot be read: {error.strerror}.", path=file) from error
    except (Tree.ParseError, defusedxml.DefusedXmlException) as error:
        raise AnnotationError(
            "it is no XML, or has entities, which are refused.", path=file
        ) from error
    if root.tag != "annotation":
        raise AnnotationError(f"its root is {root.tag!r}, not 'annotation'.", path=file)
    name = (root.findtext("filename") or "").strip()
    sides = [root.findtext(f"size/{side}") or "0" for side in ("width", "height")]
    width, height = (to_side(side.strip(), file, "size") for side in sides)
    picture = PictureCollector(
        picture_path(images, name, file), file, report, recorded=(width, height)
    )
    for number, element in enumerate(root.iterfind("object"), start=1):
        try:
            _read_object(element, picture, file, f"object {number}")
        except AnnotationError as error:
            report(error)
    return picture.finish()


def _read_object(element: Tree.Element, picture: PictureCollector, file: Path, field: str) -> None:
    texts = {side: element.findtext(f"bndbox/{_TAGS[side]}") or "" for side in Corners._fields}
    picture.add(
        [to_number(text.strip(), _TAGS[side], file, field) for side, text in texts.items()],
        Reading.CORNERS,
        (element.findtext("name") or "").strip(),
        field=field,
        ignored=(element.findtext("difficult") or "0").strip() != "0",
    )


def _to_xml(picture: AnnotatedPicture, name: str) -> Tree.Element:
    root = Tree.Element("annotation")
    _add(root, "filename", name)
    size = Tree.SubElement(root, "size")
    _add(size, "width", picture.width)
    _add(size, "height", picture.height)
    for box, label, ignored in zip(picture.boxes, picture.labels, picture.ignored, strict=True):
        element = Tree.SubElement(root, "object")
        _add(element, "name", label)
        _add(element, "difficult", int(ignored))
        edges = Tree.SubElement(element, "bndbox")
        for side, value in zip(Corners._fields, box, strict=True):
            _add(edges, _TAGS[side], f"{shortest(value):.17g}")
    return root


def _add(parent: Tree.Element, tag: str, value: object) -> None:
    Tree.SubElement(parent, tag).text = str(value)


_TAGS = {side: side.replace("_", "") for side in Corners._fields}
