"""How often a face can be seen: the pipeline, detection frame by frame, and `deface`, on clips.

A face leaks in a frame where less than 90 % of its box is destroyed, read off the pixels that
come out. The clips of LINTEL_DATA/video have no annotations, so they are annotated here: on the
clean clip at twice its size, by CenterFace (of deface, threshold 0.2) and by Lintel's `face`
model (score 0.3). A box of either counts where both agree (IoU 0.4) about it in at least three of
the five frames around it; a frame between two that have it gets the box between. What all three
see are the clips as they are and made worse, so that detectors miss now and then: dim and dark with
the noise of a sensor, far (a third of the size), and shaken with motion blur. deface's command
gets the frames as pictures, so that it loses nothing in a video codec. The two clips are those in
which both detectors agree about faces.

    python -m tests.bench.bench_leaks [--deface PATH] [--clips WORD]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.support import data_folder

from lintel.edge.cameras import Frame, RawPixels
from lintel.edge.config import Settings, parse
from lintel.edge.geometry import intersection_over_union
from lintel.edge.images import ImageFormat, Picture, decode, encode
from lintel.edge.pipeline.counting import Counter
from lintel.edge.pipeline.looking import Looker, Models
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.pipeline.showing import Shower
from lintel.edge.runtime import Runtime
from lintel.edge.tasks.blur import BlurOptions, blur_regions
from lintel.lab.metrics import LEAST_COVER

CLIPS = (
    "face-demographics-walking.preview.mp4",
    "face-demographics-walking-and-pause.preview.mp4",
)
AGREE = 0.4
AROUND, AGREEING = 2, 3
SMALLEST = 8.0
"""Faces with a shorter side are nobody's: not counted."""
FAR = 0.35
Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]


class Clip(NamedTuple):
    """Frames, and the faces in each."""

    name: str
    frames: list[Pixels]
    faces: list[Boxes]
    interval_ns: int


class Outcome(NamedTuple):
    """What a way of blurring left to be seen."""

    faces: int
    leaking: int
    painted: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    beside = Path(sys.executable).with_name("deface")
    found = str(beside) if beside.exists() else shutil.which("deface")
    parser.add_argument("--deface", default=found, help="the command to run")
    parser.add_argument("--clips", default="", help="only those with this in their name")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    settings = parse({"masks": {"model": ""}})
    runtime = Runtime(settings, 1)
    ways: dict[str, Callable[[Clip], Iterable[Pixels]]] = {
        "frame by frame": lambda clip: frame_by_frame(clip, runtime, settings),
        "pipeline, every frame": lambda clip: pipeline(clip, runtime, settings, 1),
        "pipeline, every 2nd": lambda clip: pipeline(clip, runtime, settings, 2),
        "pipeline, every 3rd": lambda clip: pipeline(clip, runtime, settings, 3),
    }
    if options.deface:
        ways["deface"] = lambda clip: deface(clip, options.deface)
    totals: dict[tuple[str, str], Outcome] = {}
    for name in CLIPS:
        if options.clips in name:
            clean = annotate(read_clip(name), runtime)
            print(f"{name}: {len(clean.frames)} frames, {sum(map(len, clean.faces))} faces")
            for condition, worsen in CONDITIONS.items():
                clip = worsen(clean)
                for way, blur in ways.items():
                    outcome = judge(clip, blur(clip))
                    before = totals.get((condition, way), Outcome(0, 0, 0.0))
                    totals[condition, way] = Outcome(*map(sum, zip(before, outcome, strict=True)))
    print_totals(totals)


def read_clip(name: str) -> Clip:
    reader = cv2.VideoCapture(str(data_folder() / "video" / name))
    frames: list[Pixels] = []
    while (answer := reader.read())[0]:
        frames.append(answer[1].view(np.uint8))
    return Clip(name, frames, [], round(1e9 / reader.get(cv2.CAP_PROP_FPS)))


def annotate(clip: Clip, runtime: Runtime) -> Clip:
    """Finds the faces of a clean clip by two detectors that have to agree over time."""
    from deface.centerface import CenterFace

    other = CenterFace(backend="onnxrt")
    ours: list[Boxes] = []
    theirs: list[Boxes] = []
    for pixels in clip.frames:
        large = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        height, width = pixels.shape[:2]
        picture = Picture(large.view(np.uint8), width, height, None, None)
        ours.append(runtime.face_detector("face").detect(picture, 0.3).boxes)
        found, _ = other(cv2.cvtColor(large, cv2.COLOR_BGR2RGB), threshold=0.2)
        theirs.append(np.array(found, np.float32).reshape(-1, 5)[:, :4] / 2)
    kept = [
        np.array([box for box in unite(ours[at], theirs[at]) if agreed(box, at, ours, theirs)])
        for at in range(len(clip.frames))
    ]
    kept = [boxes.reshape(-1, 4).astype(np.float32) for boxes in kept]
    faces = [np.vstack([kept[at], *between(kept, at)]) for at in range(len(kept))]
    large_enough = [(boxes[:, 2:] - boxes[:, :2]).min(1) >= SMALLEST for boxes in faces]
    chosen = [boxes[enough] for boxes, enough in zip(faces, large_enough, strict=True)]
    return clip._replace(faces=chosen)


def unite(one: Boxes, other: Boxes) -> Boxes:
    """All boxes of the first, and those of the second that it has not."""
    if not len(one) or not len(other):
        return np.vstack([one, other])
    return np.vstack([one, other[intersection_over_union(other, one).max(1) < AGREE]])


def agreed(box: Boxes, at: int, ours: list[Boxes], theirs: list[Boxes]) -> bool:
    """Whether both detectors saw a box in enough of the frames around it."""
    frames = range(max(at - AROUND, 0), min(at + AROUND + 1, len(ours)))
    return sum(has(box, ours[i]) and has(box, theirs[i]) for i in frames) >= AGREEING


def has(box: Boxes, boxes: Boxes) -> bool:
    return bool(len(boxes)) and float(intersection_over_union(box[None], boxes).max()) >= AGREE


def between(kept: list[Boxes], at: int) -> Iterator[Boxes]:
    """Yields what is in the frames before and after, but not in this one."""
    if 0 < at < len(kept) - 1:
        for box in kept[at - 1]:
            after = kept[at + 1]
            if has(box, after) and not has(box, kept[at]):
                nearest = after[intersection_over_union(box[None], after)[0].argmax()]
                yield ((box + nearest) / 2)[None]


def as_it_is(clip: Clip) -> Clip:
    return clip


def little_light(clip: Clip, photons_a_level: float, read_noise: float) -> Clip:
    """The noise of a sensor that counts so few photons for each of 256 levels."""
    rng = np.random.default_rng(0)

    def worsen(pixels: Pixels) -> Pixels:
        counted = rng.poisson(pixels.astype(np.float32) * photons_a_level) / photons_a_level
        noisy = counted + rng.normal(0, read_noise, pixels.shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)

    return clip._replace(frames=[worsen(pixels) for pixels in clip.frames])


def dim(clip: Clip) -> Clip:
    return little_light(clip, 0.3, 6)


def dark(clip: Clip) -> Clip:
    return little_light(clip, 0.15, 10)


def far(clip: Clip) -> Clip:
    """About a third of the size, in the middle of a grey picture."""
    height, width = clip.frames[0].shape[:2]
    size = round(width * FAR), round(height * FAR)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2

    def worsen(pixels: Pixels) -> Pixels:
        canvas = np.full_like(pixels, 110)
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        canvas[top : top + size[1], left : left + size[0]] = small
        return canvas

    moved = np.array([left, top, left, top], np.float32)
    faces = [boxes * np.float32(FAR) + moved for boxes in clip.faces]
    return clip._replace(frames=[worsen(pixels) for pixels in clip.frames], faces=faces)


def shaken(clip: Clip) -> Clip:
    """Shifted at random by up to 12 pixels from frame to frame, each smeared along its way."""
    rng = np.random.default_rng(0)
    frames, faces = [], []
    for pixels, boxes in zip(clip.frames, clip.faces, strict=True):
        x, y = rng.integers(-12, 13, 2).tolist()
        smear = int(rng.integers(1, 15))
        shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
        size = (pixels.shape[1], pixels.shape[0])
        moved = cv2.warpAffine(pixels, shift, size, borderMode=cv2.BORDER_REPLICATE)
        frames.append(cv2.blur(moved, (smear, 1)).view(np.uint8))
        faces.append(boxes + np.array([x, y, x, y], np.float32))
    return clip._replace(frames=frames, faces=faces)


CONDITIONS: dict[str, Callable[[Clip], Clip]] = {
    "as it is": as_it_is,
    "dim": dim,
    "dark": dark,
    "far": far,
    "shaken": shaken,
}


def frame_by_frame(clip: Clip, runtime: Runtime, settings: Settings) -> Iterator[Pixels]:
    """What `lintel blur` does with each frame by itself."""
    detector = runtime.face_detector()
    for pixels in clip.frames:
        picture = Picture(pixels.copy(), pixels.shape[1], pixels.shape[0], None, None)
        found = detector.detect(picture, settings.blur.min_score)
        blur_regions(picture.pixels.view(np.uint8), found.boxes, BlurOptions())
        yield picture.pixels.view(np.uint8)


def pipeline(clip: Clip, runtime: Runtime, settings: Settings, every: int) -> Iterator[Pixels]:
    """What a camera's pipeline does, with faces looked for in every n-th frame."""
    detector = runtime.face_detector()
    models = Models(detector, detector.min_score, settings.blur.min_score, None, 0.5)
    rhythm = Rhythm(every, settings.pipeline.hold_back_ms / 1e3)
    looker = Looker(models, Counter([]), rhythm, settings.pipeline.hold_s, 0.25)
    shower = Shower("clip", BlurOptions(), settings.pipeline.jpeg_quality)
    frames = [
        Frame(RawPixels.of_pixels(pixels.copy()), None, 0, 0, at * clip.interval_ns, at)
        for at, pixels in enumerate(clip.frames)
    ]
    # The first is looked at by itself: those before a first look are covered whole.
    groups = [frames[:1]] + [frames[at : at + every] for at in range(1, len(frames), every)]
    for group in groups:
        for shot in looker.look(group).shots:
            result = shower.show(shot, encode=False)
            assert result is not None
            yield decode(result.picture.encode(ImageFormat.PNG, 80)).pixels.view(np.uint8)


def deface(clip: Clip, command: str) -> Iterator[Pixels]:
    """What `deface` makes of the frames, as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{at:04d}.png" for at in range(len(clip.frames))]
        for path, pixels in zip(paths, clip.frames, strict=True):
            path.write_bytes(encode(pixels, ImageFormat.PNG))
        run = [command, "--backend", "onnxrt", *map(str, paths)]
        subprocess.run(run, check=True, capture_output=True)
        for path in paths:
            result = path.with_name(f"{path.stem}_anonymized.png").read_bytes()
            yield decode(result).pixels.view(np.uint8)


def judge(clip: Clip, results: Iterable[Pixels]) -> Outcome:
    """Counts the faces of which too little is destroyed."""
    leaking, painted = 0, 0.0
    for before, after, boxes in zip(clip.frames, results, clip.faces, strict=True):
        changed = (after != before).any(axis=2).astype(np.uint8)
        # Now and then a blurred pixel has the value that it had.
        changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        painted += float(changed.mean()) / len(clip.frames)
        corners = np.rint(np.clip(boxes, 0, [*changed.shape[::-1]] * 2)).astype(int)
        shares = [changed[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in corners]
        leaking += sum(share < LEAST_COVER for share in shares)
    return Outcome(sum(map(len, clip.faces)), leaking, painted)


def print_totals(totals: dict[tuple[str, str], Outcome]) -> None:
    print(f"\n{'':10}{'':24}{'faces':>7}{'leaking':>9}{'rate':>8}{'of the picture covered':>25}")
    clips = len(CLIPS)
    for (condition, way), (faces, leaking, painted) in totals.items():
        rate = leaking / max(faces, 1)
        print(f"{condition:10}{way:24}{faces:7}{leaking:9}{rate:8.2%}{painted / clips:25.1%}")
    for way in dict.fromkeys(way for _, way in totals):
        outcomes = [outcome for (_, other), outcome in totals.items() if other == way]
        faces, leaking, painted = map(sum, zip(*outcomes, strict=True))
        share = painted / clips / len(outcomes)
        print(f"{'all':10}{way:24}{faces:7}{leaking:9}{leaking / max(faces, 1):8.2%}{share:25.1%}")


if __name__ == "__main__":
    main()
