"""Tests of hypotheses about classifiers and their data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError


class McNemar(NamedTuple):
    """Whether two classifiers err equally often on the same examples.

    Attributes:
        only_first: Examples that only the first tells right.
        only_second: Those that only the second does.
        p_value: Two-sided: how often chance alone parts them so unevenly, or more so.
    """

    only_first: int
    only_second: int
    p_value: float


class Balance(NamedTuple):
    """Whether classes have the same shares everywhere.

    Attributes:
        statistic: Pearson's chi-square; NaN, as the rest, where there is nothing to compare.
        degrees: Its degrees of freedom.
        p_value: How often equal shares give such a table or a more uneven one by chance.
        effect: Cramér's V: 0 equal shares, 1 as different as can be. Unlike the p-value it does
            not grow with the number of examples.
        least_expected: The smallest expected count; below about 5 the p-value is a rough one.
    """

    statistic: float
    degrees: int
    p_value: float
    effect: float
    least_expected: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Compares two classifiers by McNemar's test, exactly.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions,
    1947; exact, by the binomial distribution of the examples that only one tells right.

    Args:
        first_right: Shape (N,), which examples one tells right.
        second_right: The same of the other.

    Raises:
        InvalidArgumentError: They are not of the same examples.
    """
    from scipy import stats  # noqa: PLC0415 -- slow to import

    if first_right.shape != second_right.shape:
        raise InvalidArgumentError("Both classifiers must be told of on the same examples.")
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    parted = only_first + only_second
    p_value = float(stats.binomtest(only_first, parted).pvalue) if parted else 1.0
    return McNemar(only_first, only_second, p_value)


def class_balance(counts: ArrayLike) -> Balance:
    """Compares the shares of classes in several sets by Pearson's chi-square test.

    Args:
        counts: Shape (S, C), examples of each class in each set; empty sets and classes are
            passed over.
    """
    from scipy import stats  # noqa: PLC0415 -- as above

    table = np.asarray(counts)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if min(table.shape) < 2:
        nan = float("nan")
        return Balance(nan, 0, nan, nan, nan)
    result = stats.chi2_contingency(table, correction=False)
    return Balance(
        float(result.statistic),
        int(result.dof),
        float(result.pvalue),
        float(stats.contingency.association(table, method="cramer")),
        float(result.expected_freq.min()),
    )
