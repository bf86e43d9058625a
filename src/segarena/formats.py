"""Numbers and lists as text for people. Files keep fractions, seconds and counts."""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path, PurePath

#: Text for an absent value: a class without true pixels, a cost that was not measured.
NOTHING = "–"

_MINUTE, _HOUR = 60.0, 3600.0


def is_missing(value: object) -> bool:
    """Whether a value of a table or of comparison.json is absent: None, NaN or an infinity."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def defined(value: float) -> float | None:
    """Return the value as files have it: None for NaN.

    >>> defined(0.5), defined(float("nan"))
    (0.5, None)
    """
    return None if math.isnan(value) else value


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction in percent, with a fixed number of decimals.

    >>> percent(0.532), percent(None)
    ('53.2%', '–')
    """
    return NOTHING if fraction is None or is_missing(fraction) else f"{100 * fraction:.{digits}f}%"


def small_percent(fraction: float) -> str:
    """Write a fraction in percent, with two significant digits where it is below 1%, never with an exponent.

    >>> small_percent(0.0712), small_percent(0.0007), small_percent(0), small_percent(3e-7)
    ('7.1%', '0.07%', '0%', '0.00003%')
    """
    return percent(fraction) if fraction >= 0.01 else f"{Decimal(f'{100 * fraction:.2g}'):f}%"


def plural(number: int, noun: str) -> str:
    """Write a number and its noun, in the plural where the number is not 1.

    >>> plural(1, "image"), plural(1234, "image"), plural(2, "class")
    ('1 image', '1,234 images', '2 classes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def share_of(number: int, total: int, noun: str) -> str:
    """Write how many of some things, as the first words of a sentence.

    >>> share_of(1, 3, "image"), share_of(3, 3, "image"), share_of(1, 1, "image")
    ('1 of the 3 images', 'All 3 images', 'The image')
    """
    if number < total:
        return f"{number:,} of the {plural(total, noun)}"
    return f"The {noun}" if total == 1 else f"All {plural(total, noun)}"


def count(number: float | None) -> str:
    """Write a count with three significant digits and k, M or G.

    >>> count(14328209), count(74210), count(999)
    ('14.3 M', '74.2 k', '999')
    """
    return NOTHING if number is None or is_missing(number) else _scaled(number)


def giga(number: float | None) -> str:
    """Write a number in thousand millions, so that a column has one unit.

    >>> giga(23512345678), giga(42000000)
    ('23.5 G', '0.0420 G')
    """
    return NOTHING if number is None or is_missing(number) else f"{_significant(number / 1e9)} G"


def milliseconds(value: float | None) -> str:
    """Write milliseconds with three significant digits.

    >>> milliseconds(12.345)
    '12.3 ms'
    """
    return NOTHING if value is None or is_missing(value) else f"{_significant(value)} ms"


def mebibytes(value: float | None) -> str:
    """Write mebibytes without decimals.

    >>> mebibytes(1234.5)
    '1,234 MiB'
    """
    return NOTHING if value is None or is_missing(value) else f"{value:,.0f} MiB"


def byte_size(number: float) -> str:
    """Write a number of bytes in the unit that fits it, of 1024 times the one before, with three digits.

    >>> byte_size(0), byte_size(1536), byte_size(3.25 * 2**30)
    ('0 bytes', '1.50 KiB', '3.25 GiB')
    """
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= size:
            return f"{_significant(number / size)} {unit}"
    return f"{number:.0f} byte{'' if number == 1 else 's'}"


def rate(number: float | None) -> str:
    """Write a number per second.

    >>> rate(1234.5), rate(12.34), rate(None)
    ('1,230/s', '12.3/s', '–')
    """
    if is_missing(number) or number is None:
        return NOTHING
    return f"{float(f'{number:.3g}'):,g}/s"


def duration(seconds: float | None) -> str:
    """Write seconds in the one or two units that fit them; tenths only below ten seconds.

    >>> duration(8.85), duration(42), duration(65), duration(3720)
    ('8.8 s', '42 s', '1 min 05 s', '1 h 02 min')
    """
    if seconds is None or is_missing(seconds):
        return NOTHING
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def rough_duration(seconds: float) -> str:
    """Write an estimate of seconds, as coarse as estimates are.

    >>> [rough_duration(value) for value in (0.2, 12, 44, 61, 95, 1530, 3620, 5000, 100000)]
    ['5 s', '15 s', '45 s', '1 min', '2 min', '26 min', '1 h', '1 h 25 min', '28 h']
    """
    if seconds <= 55:
        return f"{max(1, math.ceil(seconds / 5)) * 5} s"
    if seconds <= 59.5 * _MINUTE:
        return f"{max(1, round(seconds / _MINUTE))} min"
    minutes = round(seconds / (5 * _MINUTE)) * 5
    rest = f" {minutes % 60} min" if minutes % 60 and minutes < 600 else ""
    return f"{minutes // 60 if minutes < 600 else round(minutes / 60)} h{rest}"


def shorten(text: str, length: int = 24) -> str:
    """Cut a text to `length` characters with an ellipsis, and put it on one line.

    >>> shorten("a name that is too long", 12)
    'a name that…'
    """
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def join_words(items: Sequence[str], last: str = "and") -> str:
    """Join all items, with commas and a last word.

    >>> join_words(["a", "b", "c"]), join_words(["a", "b"], "or")
    ('a, b and c', 'a or b')
    """
    return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)


def listing(names: Sequence[str], most: int = 5) -> str:
    """Join the first names with commas, and count the others.

    >>> listing(["a", "b", "c", "d", "e"], most=2)
    'a, b and 3 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def relative_path(path: PurePath | str, folder: PurePath | str) -> str:
    """Return a path as seen from a folder, or the absolute one where it is on another drive of Windows.

    >>> Path(relative_path("data/images", "runs")).as_posix()
    '../data/images'
    """
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return str(Path(path).absolute())


def command(*words: object, program: Sequence[str] | None = None, windows: bool = os.name == "nt") -> str:
    """Write a command line as it can be pasted into a shell: words with spaces, quotes or other signs are quoted.

    Args:
        *words: The command, options, paths, ... `segarena` as the first is replaced by the program.
        program: How segarena is called; None: as it was called here, see `called_program`. In a file, which is read
            elsewhere, it is ("segarena",).
        windows: Whether the shell is that of Windows (cmd) rather than one of POSIX.

    >>> command("segarena", "predict", PurePath("r/my run"), "IMAGES", program=[".venv/bin/segarena"], windows=False)
    ".venv/bin/segarena predict 'r/my run' IMAGES"
    >>> command("segarena", "check", "a&b", PurePath("-x"), program=["python", "-m", "segarena"], windows=True)
    'python -m segarena check "a&b" ./-x'
    """
    if words[:1] == ("segarena",):
        words = (*(called_program() if program is None else program), *words[1:])
    texts = [f"./{word}" if isinstance(word, PurePath) and str(word).startswith("-") else str(word) for word in words]
    return " ".join(map(_quote_for_cmd, texts)) if windows else shlex.join(texts)


def resume_line(verb: str, folder: PurePath) -> str:
    """Return what resumes the work in a folder: a command line or, in another Python program, a call.

    Args:
        verb: compare or train.
        folder: The folder.
    """
    if is_command_line():
        return command("segarena", verb, "--resume", folder)
    return f"segarena.{verb}(resume={str(folder)!r})"


def is_command_line() -> bool:
    """Whether this process is the command `segarena` or `python -m segarena`, not another Python program."""
    return _is_module() or _script() is not None


def called_program() -> tuple[str, ...]:
    """Return the words that call segarena in the shell of the user.

    The program as it was called; in another Python program or a notebook the one that is installed beside its Python.
    """
    if _is_module():
        return (_python(sys.orig_argv[0] if sys.orig_argv else ""), "-m", "segarena")
    script = _script()
    if script is not None and script.parent == Path():
        return ("segarena",)
    installed = script or Path(sys.executable).with_name("segarena.exe" if os.name == "nt" else "segarena")
    if _on_path("segarena") == _bare(installed):
        return ("segarena",)
    return (str(installed),) if installed.exists() or script else (_python(), "-m", "segarena")


def plain(value: object) -> str:
    """Write a setting without Python's punctuation.

    >>> plain([8, 16]), plain(True), plain(None), plain(0.001), plain({"fold": 2})
    ('8, 16', 'yes', '–', '0.001', 'fold: 2')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_module() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "segarena.__main__"


def _script() -> Path | None:
    """The script `segarena` as this process was started with it; None if it is another Python program."""
    called = Path(sys.argv[0]) if sys.argv else Path()
    return called if called.name.lower() in ("segarena", "segarena.exe") else None


def _python(called: str = "") -> str:
    """This Python as it was called or, if that name is not on the PATH, its file."""
    if called and Path(called).parent != Path():
        return called
    names = (called, "python", "python3") if called else ("python", "python3")
    return next((name for name in names if _on_path(name) == _bare(Path(sys.executable))), sys.executable)


def _on_path(name: str) -> str | None:
    """The file that a shell starts for a name. Links count as what they are: each environment links the same Python."""
    found = shutil.which(name)
    return None if found is None else _bare(Path(found))


def _bare(file: Path) -> str:
    """The absolute path, on Windows without .exe and case."""
    text = os.path.normcase(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow links
    return text.removesuffix(".exe") if os.name == "nt" else text


def _quote_for_cmd(word: str) -> str:
    quoted = subprocess.list2cmdline([word])
    return f'"{word}"' if quoted == word and re.search(r"[&|<>()^%!;,='`]", word) else quoted


def _scaled(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{_significant(number / size)} {unit}"
    return f"{number:.0f}"


def _significant(value: float) -> str:
    """Three significant digits without an exponent: 0.123, 1.23, 12.3, 123, 1,234."""
    if value >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 4)}f}"
