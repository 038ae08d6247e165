"""Moments as programs hold them, and as the contract has them: microseconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

# An aware datetime, a date (its midnight in UTC), or microseconds since 1970 UTC.
Moment: TypeAlias = "date | int"
# The same in a row; an array of NumPy's datetime64 will do, which is taken for UTC.
Moments: TypeAlias = "Iterable[Moment] | NDArray[Any]"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: Moment, name: str) -> int:
    """Returns a moment in microseconds since 1970 UTC.

    Args:
        moment: The moment.
        name: What the user knows the argument by.

    Raises:
        TypeError: It is no moment.
        ValueError: It is a datetime that does not tell its time zone.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(
                f"{name} must tell its time zone: write datetime(..., tzinfo=...), not {moment!r}"
            )
        return (moment - EPOCH) // MICROSECOND
    if isinstance(moment, date):
        return (datetime.combine(moment, time(), UTC) - EPOCH) // MICROSECOND
    # NumPy's whole numbers too, and no truth values.
    if hasattr(moment, "__index__") and not isinstance(moment, bool):
        return int(moment)
    raise TypeError(
        f"{name} must be an aware datetime, a date or microseconds since 1970,"
        f" not {type(moment).__name__}"
    )


def all_to_microseconds(moments: Moments, name: str) -> list[int]:
    """Returns moments in microseconds since 1970 UTC. Raises as `to_microseconds`."""
    dtype = getattr(moments, "dtype", None)
    if getattr(dtype, "kind", "") == "M" and hasattr(moments, "astype"):
        in_microseconds: list[int] = moments.astype("datetime64[us]").astype("int64").tolist()
        return in_microseconds
    return [to_microseconds(moment, f"{name}[{index}]") for index, moment in enumerate(moments)]


def to_datetime(timestamp_us: int, zone: tzinfo = UTC) -> datetime:
    """Returns microseconds since 1970 UTC as a datetime of a time zone."""
    return (EPOCH + timedelta(microseconds=timestamp_us)).astimezone(zone)
