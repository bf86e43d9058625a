"""Hostile files are refused with one message, or are harmless: nothing runs, and little memory and time is taken."""

from __future__ import annotations

import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest

from faults.hostile_images import HARMLESS_IMAGES, RAN, REFUSED_IMAGES, Make, Payload
from faults.hostile_texts import HARMLESS_TEXTS, REFUSED_TEXTS
from faults.measured import peak_memory
from segarena import cli
from segarena.errors import SegarenaError
from support import write_pair

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about tags that it ignores

#: A file takes at most this much of the processor's time, in seconds, and of memory.
MOST_SECONDS, MOST_MEMORY = 5.0, 512 << 20


def outcome(make: Make, folder: Path) -> SegarenaError | None:
    """Read it within the limits: the error that refuses it."""
    inside = folder / "inside" / "of"
    inside.mkdir(parents=True)
    read = make(inside)
    begun = time.process_time()
    refusal = None
    with peak_memory() as peak:
        try:
            read()
        except SegarenaError as error:
            refusal = error
    assert time.process_time() - begun < MOST_SECONDS
    assert peak.grown < MOST_MEMORY
    assert not (inside / RAN).exists()
    assert not Path(RAN).exists()
    assert not list(folder.rglob("x.png"))
    return refusal


@pytest.mark.parametrize("name", [*REFUSED_IMAGES, *REFUSED_TEXTS])
def test_a_hostile_file_is_refused_with_one_message(name: str, tmp_path: Path) -> None:
    refusal = outcome((REFUSED_IMAGES | REFUSED_TEXTS)[name], tmp_path)
    assert refusal is not None
    assert len(str(refusal)) < 2000


@pytest.mark.parametrize("name", [*HARMLESS_IMAGES, *HARMLESS_TEXTS])
def test_a_hostile_file_is_harmless(name: str, tmp_path: Path) -> None:
    outcome((HARMLESS_IMAGES | HARMLESS_TEXTS)[name], tmp_path)


def pickled(folder: Path) -> bytes:
    return pickle.dumps({"a": Payload(folder)})


def torch_zip(folder: Path, name: str = "archive/data.pkl") -> bytes:
    path = folder / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, pickled(folder))
        archive.writestr("archive/version", b"3\n")
    return path.read_bytes()


WEIGHTS = {
    "pickle": ("a.pth", pickled),
    "PyTorch's archive with an object": ("a.pth", torch_zip),
    "archive with an entry outside": ("a.pt", lambda folder: torch_zip(folder, "../../data.pkl")),
    "safetensors with a header of 2**62 bytes": ("a.safetensors", lambda _: struct.pack("<Q", 1 << 62) + b"{}"),
    "safetensors with a tensor of 2**50 bytes": (
        "a.safetensors",
        lambda _: (
            struct.pack("<Q", 72)
            + b'{"a":{"dtype":"F32","shape":[1125899906842624],"data_offsets":[0,8]}}'.ljust(72)
            + bytes(8)
        ),
    ),
    "safetensors that is a pickle": ("a.safetensors", pickled),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_hostile_weights_are_refused_with_one_message(name: str, tmp_path: Path) -> None:
    from segarena.models.weights import read_weights
    from segarena.training.checkpoint import load_state

    file, content = WEIGHTS[name]
    for read in (lambda path: read_weights(path, "resnet18"), load_state):

        def make(folder: Path, read: object = read) -> object:
            (folder / file).write_bytes(content(folder))
            return lambda: read(folder / file)  # type: ignore[operator]

        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        refusal = outcome(make, place)  # type: ignore[arg-type]
        assert refusal is not None
        assert "weights_only" not in str(refusal)


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_control_characters_of_a_name_do_not_reach_the_terminal(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that clears the screen, sets the title and types a command: in a message and in what `check` shows."""
    name = "\x1b[2J\x1b]0;title\x07\x9b6n\rx"
    for number in range(3):
        write_pair(tmp_path, f"{name}{number}", size=8, seed=number)
    (tmp_path / kind / f"{name}1.png").write_bytes(b"no image")
    monkeypatch.setattr("sys.argv", ["segarena", "check", str(tmp_path)])
    assert cli.main() == 2
    shown = "".join(capsys.readouterr())
    assert "\\x1b[2J" in shown
    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\r"}
