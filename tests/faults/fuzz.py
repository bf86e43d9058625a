"""Text files that reach new lines of code, for a time each, by atheris: `make fuzz`, or `make fuzz KINDS="COCO CVAT"`.

atheris changes a file again and again, and goes on from those that ran code which none had run before. It is no
dependency of the tests: `make fuzz` installs it, on Linux. What was found is kept in runs/fuzz, where the next run goes
on; the files of each kind and their processor time are added up in fuzzed.json, for docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

#: The code whose lines are watched: what reads text files, and PyYAML.
WATCHED = ["segarena.annotations", "segarena.classes", "segarena.converters", "segarena.data", "segarena.texts", "yaml"]
#: Bytes of the longest file.
LONGEST = 4096
#: Words of a file that its changes are made of.
WORDS = re.compile(rb"[A-Za-z_]{2,}|[^\w\s]+|\d+")


def fuzz(kind: str, seconds: int, corpus: Path) -> None:
    """Read files of a kind for some seconds, and end the process; with status 77 at a file that ends in an error.

    Args:
        kind: One of `text_files.KINDS`.
        seconds: How long.
        corpus: A folder of files that reach different lines; new ones are added.
    """
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        from faults.text_files import MOST_MEMORY, PIECES, change_json, prepare, read_other
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SEGARENA_CACHE"] = str(folder / "cache")
        (folder / "data").mkdir()
        content = prepare(kind, folder / "data")
        corpus.mkdir(parents=True, exist_ok=True)
        (corpus / "undamaged").write_bytes(content)
        words = {*WORDS.findall(content), *filter(None, PIECES)}
        escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in sorted(words) if len(word) <= 64)
        (folder / "words").write_text("".join(f'"{word}"\n' for word in escaped), encoding="ascii")
        most = (_resident_bytes() + MOST_MEMORY) >> 20
        limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={most}", f"-max_len={LONGEST}", f"-dict={name}/words"]
        quiet = ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={corpus.parent}/{corpus.name} failed "]
        atheris.Setup(
            [sys.argv[0], *limits, *quiet, str(corpus)],
            lambda content: read_other(kind, content, folder / "data"),
            custom_mutator=lambda content, most, seed: (
                change_json(content, most, seed) or atheris.Mutate(content, most)
            ),
        )
        atheris.Fuzz()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def run(kind: str, seconds: int, corpus: Path) -> bool:
    """Fuzz a kind in a process of its own, and add what it did to the record. Returns whether no file failed."""
    from faults.record import FUZZED

    command = [sys.executable, __file__, "--seconds", str(seconds), "--corpus", str(corpus), "--here", kind]
    before = _child_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    used = round(_child_seconds() - before)
    files = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    if done.returncode != 0 or files is None:
        print(f"{kind}: status {done.returncode}\n{done.stderr[-4000:]}\n{shlex.join(command)}", flush=True)
        return False
    record = json.loads(FUZZED.read_text(encoding="utf-8")) if FUZZED.exists() else {}
    earlier = record.get(kind, {"seconds": 0, "files": 0})
    record[kind] = {"seconds": earlier["seconds"] + used, "files": earlier["files"] + int(files[1])}
    FUZZED.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n", encoding="utf-8")
    print(f"{kind}: {int(files[1]):,} files in {used} s of processor time", flush=True)
    return True


def _child_seconds() -> float:
    """Processor time of the processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Fuzz the kinds that are named, or all, one after the other."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="kinds of text files; all, where none is given")
    parser.add_argument("--seconds", type=int, default=3600, help="for each kind")
    parser.add_argument("--corpus", type=Path, default=Path("runs/fuzz"), help="the folder of what was found")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    if options.here:
        fuzz(options.kinds[0], options.seconds, options.corpus / options.kinds[0])
    else:
        from faults.text_files import KINDS

        kept = [run(kind, options.seconds, options.corpus) for kind in options.kinds or KINDS]
        raise SystemExit(not all(kept))


if __name__ == "__main__":
    main()
