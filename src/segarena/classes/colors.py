"""The colours of classes that are declared without one, and how different two colours look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from segarena.classes.values import Color

# docs/class_colors.py chose these, each far from all before it, also for colour-blind readers. The first, light grey,
# is for the class that overlays leave untinted.
_TABLE = (
    "dddddd4477aaee6677228833ccbb4466ccee8833aaf08214c3ff3cb478ff3c00876900005a5af069d2964b1e4b3cff963c3c78"
    "0096d296a5f0004bd22d697800a578b4e14b1eb41e87002df0a5d25a00a57869d2c33ca5d2a569a5ffc3781e5a96e1b45a4b87"
    "0069005ac3b4d25a4bb478b487e1ff2d694b0000ff0000d24be1789669fff05ad21e2d69b4f0ffc35a0f4b9696f0e17869002d"
    "a50096964b87f0785ad296d287b496ffe1a5005ab4f000d2692d003c3c4ba51e69e1c3d24bc378a5f0002d96f02d1ee1f0c378"
    "e10f69e1a5b43c2d87f03c69d26996e1c300963c003c3cff3c96b4a587004b69b4ff2d87960fc3f087ffff874b87e196c378e1"
    "f0a5ffd2f0e1e1695a4b5a2d005a962d9678694b69690fb43c78e11e4b1eb4d25aa5f0c39669c378003c2dff6987c3d22d4b96"
    "96d2b4a55ae14b4be1ffc3ff5a1e5a78c39687004b4b00960f3c695a3c875a0f3c965a9678874b2dc3e196a5c387780fa5003c"
    "875a5a964bc30f4b5a4b1e782d78965a005a871e1e1e87873c4b78a53c78ff0fc3963ca596a587c3b4002d5a5a5a693cb4d2e1"
    "781ea5875aff0000b4b4b487870f786996e13c00c396695a3cf0f0c3a54bd2873cf02da56978f087fff0870fd2965a695a1e96"
    "d27896c30fc38769b4c32d0fb4ff8787783cc36969e11e3c9678a5ffa5a5e1e1b47896c3695ae12db4e1961e5a78f0d2a56987"
    "d2a5c35aa52db4c3879678c3b4f08700b4ff2d3ce1963c5ae1d2a58778b4b4c3695ae10096c3ff96a55aa51e2dd287a5006987"
    "2d5aa55a2df0b45a96e196e12d5a3cff693c699687ff69c3870000c3d287a54b78f0691e0f3c2d78a5b43ce1c378ffd2690f1e"
    "ffa5f03ca5f05ad2e18778e1d25a2dc3e1875a3c1eb4f05af0e14b3c5a4b781e3c00d2a5784bd24b3c694b0078696900ff69ff"
    "b4e1c37800c34b87698796d21e4b87e19678a54b00f0b4c3d296695ad25a4be15a9696f0d287ff5ae1d2e1a5785a87f01eff3c"
    "d24b780000a51e78d23c7869b496b4c3ff69870069a51e4b872d78d27869d2f0b4e1d2f01e00f087875a5a4bf087f0e1b49696"
)
#: A colour for each of 255 classes. Fewer classes have the first ones.
DEFAULT_COLORS: tuple[Color, ...] = tuple(
    (red, green, blue) for red, green, blue in zip(*[iter(bytes.fromhex(_TABLE))] * 3, strict=True)
)

#: Colours that differ by less look the same when they are not side by side.
ALIKE = 3.0
_APART = 10.0  # a default colour keeps this distance from declared ones


def choose_colors(declared: Sequence[Color | None], untinted: int) -> list[Color]:
    """Return the colour of each class: the declared one, else that of its index in DEFAULT_COLORS.

    The light grey goes to the class that overlays leave untinted; class 0 gets that class's colour for it. A default
    colour that looks like a declared one is replaced by one that no class has.

    Args:
        declared: The declared colour of each class, None where there is none.
        untinted: The index of the class that overlays leave untinted.

    >>> choose_colors([None, None, (0, 0, 9)], untinted=1)
    [(68, 119, 170), (221, 221, 221), (0, 0, 9)]
    """
    taken = [color for color in declared if color is not None]
    spare = iter(DEFAULT_COLORS[len(declared) :])
    places = {0: untinted, untinted: 0}
    colors = []
    for index, color in enumerate(declared):
        chosen = color or DEFAULT_COLORS[places.get(index, index) % len(DEFAULT_COLORS)]
        if color is None:
            while any(difference(chosen, one) < _APART for one in taken):
                following = next(spare, None)
                if following is None:
                    break
                chosen = following
        colors.append(chosen)
    return colors


def difference(one: Color, other: Color) -> float:
    """Return 100 times the distance of two colours in OKLab: 0 for the same, 100 for black and white.

    Source: bottosson.github.io/posts/oklab.
    """
    return 100 * math.dist(_to_lab(one), _to_lab(other))


def lightness(color: Color) -> float:
    """Return how light a colour looks, 0 for black to 1 for white: L of OKLab."""
    return _to_lab(color)[0]


@lru_cache(2048)
def _to_lab(color: Color) -> tuple[float, float, float]:
    red, green, blue = (
        channel / 3294.6 if channel <= 10.31 else float(((channel / 255 + 0.055) / 1.055) ** 2.4) for channel in color
    )
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )
