"""Which version of each operator a release of TFLite runs: what the releases themselves answered.

Each was asked, from Python, to load a file with one operator in every version from 1 to 20. Operators whose versions
are the same in all are left out. Of LiteRT, the last release of each minor version was asked.
"""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

OLD_PACKAGE, OLD = "tflite-runtime", "2.14"
"""The distribution before LiteRT; its numbers ended with 2.14, and LiteRT's began again at 1.0."""
SINCE = ("1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "2.2")
"""LiteRT releases from which on versions differ; tflite-runtime 2.14 comes before them."""
RELEASES = (f"{OLD_PACKAGE} {OLD}", *(f"LiteRT {version}" for version in SINCE))
PUBLISHED = """
1.0.0 1.0.1 1.1.0 1.1.1 1.1.2 1.2.0 1.3.0 1.4.0 2.0.2 2.0.3 2.1.0 2.1.1 2.1.2 2.1.3 2.1.4 2.1.5 2.1.6 2.2.0 2.3.0
"""

_UP_TO = """
ADD 5 5 5 5 5 5 6 6
CONCATENATION 4 4 4 4 4 4 6 7
CONV_2D 7 8 8 8 8 8 8 8
DEQUANTIZE 5 6 6 6 6 6 8 9
EMBEDDING_LOOKUP 3 4 4 4 4 4 5 5
FULLY_CONNECTED 10 13 13 13 13 13 14 14
MUL 7 7 7 7 7 7 8 8
SOFTMAX 3 3 3 3 3 3 4 4
PAD 4 4 4 4 4 5 5 6
GATHER 6 7 7 7 7 7 7 8
TRANSPOSE 6 6 6 7 7 7 9 9
SPLIT 4 4 4 4 4 4 4 5
CAST 5 6 7 7 7 7 8 9
PADV2 4 4 4 4 4 5 5 6
SLICE 6 6 6 6 6 6 8 8
SIN 1 1 1 1 1 1 2 2
TRANSPOSE_CONV 4 5 5 5 5 5 5 5
EQUAL 4 4 4 4 4 4 5 5
NOT_EQUAL 3 3 3 3 3 3 4 4
LOG 1 2 2 2 2 2 2 2
SQRT 1 1 1 1 1 2 2 2
RSQRT 2 3 3 3 3 3 3 3
PACK 4 4 4 4 4 4 4 5
UNPACK 4 4 4 4 4 4 5 6
FILL 4 4 4 4 4 4 4 5
SPLIT_V 2 2 2 2 2 2 2 3
REVERSE_V2 3 3 3 3 3 3 3 4
GATHER_ND 4 5 5 5 5 5 5 6
COS 1 1 1 1 1 1 2 2
QUANTIZE 3 3 3 3 3 3 6 6
BROADCAST_TO 3 3 3 3 3 3 3 4
GELU 2 2 2 2 2 2 3 3
DYNAMIC_UPDATE_SLICE 1 2 3 3 4 4 6 6
STABLEHLO_ADD 0 1 1 1 1 1 1 1
STABLEHLO_MULTIPLY 0 1 1 1 1 1 1 1
STABLEHLO_MAXIMUM 0 1 1 1 1 1 1 1
STABLEHLO_AND 0 0 1 1 1 1 1 1
STABLEHLO_MINIMUM 0 1 1 1 1 1 1 1
STABLEHLO_SCATTER 0 1 1 1 1 1 1 1
STABLEHLO_PAD 0 1 1 1 1 1 1 1
STABLEHLO_REDUCE_WINDOW 0 1 1 1 1 1 1 1
STABLEHLO_GATHER 0 1 1 1 1 1 1 1
DILATE 0 1 1 1 1 1 1 1
STABLEHLO_RNG_BIT_GENERATOR 0 1 1 1 1 1 1 1
REDUCE_WINDOW 0 1 1 1 1 1 1 1
STABLEHLO_COMPOSITE 0 1 1 1 1 1 1 1
STABLEHLO_SHIFT_LEFT 0 0 1 1 1 1 1 1
STABLEHLO_CASE 0 0 1 1 1 1 1 1
"""
_NOWHERE = """
CONCAT_EMBEDDINGS CALL DELEGATE PLACEHOLDER_FOR_GREATER_OP_CODES STABLEHLO_LOGISTIC STABLEHLO_DIVIDE STABLEHLO_RESHAPE
STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR
STABLEHLO_LOG STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_TRANSPOSE
STABLEHLO_CBRT
"""
UP_TO = {row.split()[0]: tuple(map(int, row.split()[1:])) for row in _UP_TO.strip().splitlines()} | dict.fromkeys(
    _NOWHERE.split(), (0,) * len(RELEASES)
)
"""By operator, the highest version that each of RELEASES runs; 0 for none."""


def installed(package: str, version: str) -> int:
    """Where a distribution stands among RELEASES."""
    if package == OLD_PACKAGE:
        return 0
    return max(1, sum(Version(version) >= Version(one) for one in SINCE))


def oldest(versions: str) -> int:
    """The oldest of RELEASES that a range of versions admits; the newest for one that admits none of those known.

    A range that ends at 2.14 is tflite-runtime's.
    """
    wanted = SpecifierSet(versions, prereleases=True)
    if f"{OLD}.0" in wanted and "2.15.0" not in wanted:
        return 0
    admitted = [installed("ai-edge-litert", one) for one in PUBLISHED.split() if one in wanted]
    return min(admitted, default=len(RELEASES) - 1)
