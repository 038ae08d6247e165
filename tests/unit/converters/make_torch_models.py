"""Writes small PyTorch models into a folder: python make_torch_models.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Finder(nn.Module):  # type: ignore[misc, unused-ignore]
    """Inverted residuals, a pyramid of two levels and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _block(3, 8, 2)
        self.deep = nn.Sequential(_block(8, 16, 1, groups=8), _block(16, 16, 1, size=1))
        self.down = _block(16, 24, 2)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 24, 1), nn.Sigmoid())
        self.scores = nn.Conv2d(40, 1, 1)
        self.boxes = nn.Conv2d(40, 4, 3, padding=1)

    def forward(self, picture: Any) -> Any:
        near = self.deep(self.stem(picture))
        far = self.down(near)
        far = nn.functional.interpolate(far * self.squeeze(far), scale_factor=2.0)
        both = torch.cat([near, far], 1)
        scores = torch.sigmoid(self.scores(both)).flatten(2).permute(0, 2, 1)
        return {"scores": scores, "boxes": self.boxes(both).flatten(2).permute(0, 2, 1)}


def _block(taken: int, given: int, stride: int, *, size: int = 3, groups: int = 1) -> nn.Module:
    convolution = nn.Conv2d(taken, given, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(given), nn.SiLU())


def main(folder: Path) -> None:
    torch.manual_seed(0)
    finder = Finder()
    # Statistics of something: those of a new model are all 0 and 1.
    for _ in range(4):
        finder(torch.rand(8, 3, 4, 6).repeat_interleave(8, 2).repeat_interleave(8, 3))
    finder.eval()
    # And outputs of something: those of a new model hardly vary.
    with torch.no_grad():
        finder.scores.weight *= 20
        finder.boxes.weight *= 20
    example = (torch.rand(2, 3, 32, 48),)
    batch = {"picture": {0: torch.export.Dim("batch")}}
    torch.export.save(
        torch.export.export(finder, example, dynamic_shapes=batch), folder / "finder.pt2"
    )
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 5))
    torch.save(plain, folder / "plain.pt")
    torch.save(plain.state_dict(), folder / "weights.pt")


main(Path(sys.argv[1]))
