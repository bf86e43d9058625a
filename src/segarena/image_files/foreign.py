"""Files that are not images that can be read: what they are, by their first bytes or their ending, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from segarena.errors import DataError
from segarena.texts import is_lfs_pointer


class Kind(NamedTuple):
    """What a file is, as the rest of a sentence, and what to do about it."""

    name: str
    remedy: str


#: The endings of photographs of phones, which the extra `heic` reads.
HEIC_SUFFIXES = frozenset({".heic", ".heif"})

#: The endings of videos, which the extra `video` reads for `segarena predict`.
VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .mts .m2ts .flv .ogv .3gp".split())

_EXPORT = "Export it as PNG"

_POINTER = Kind("a pointer of git-lfs, not the file itself", "Run `git lfs pull` in its repository")
DICOM = Kind("DICOM", "Save the slices as PNG, one file each, e.g. with dcmtk: dcmj2pnm +on FILE.dcm FILE.png")
NIFTI = Kind("NIfTI", "Save the slices as PNG, one file each, images and masks alike, e.g. with med2image or 3D Slicer")
VOLUME = Kind("a volume", NIFTI.remedy)
VIDEO = Kind("video", "Save frames as images, e.g. `ffmpeg -i FILE -vf fps=1 %05d.png`, and label those")
RAW = Kind("a camera's raw file", "Develop it as JPEG or PNG, e.g. with darktable-cli or dcraw")
DRAWING = Kind("a drawing", _EXPORT)
SLIDE = Kind("a microscope's format", "Save planes or tiles as PNG or TIFF, e.g. with Fiji or `vips dzsave`")
STORE = Kind("arrays in one file", "Save each image and each mask as a file of its own, e.g. as PNG")
HEIC = Kind("HEIC", "Install its reader, `python -m pip install pillow-heif`, or save it as JPEG or PNG")

#: What files are by their endings, in lower case.
FOREIGN: dict[str, Kind] = {
    **dict.fromkeys((".dcm", ".dicom", ".ima"), DICOM),
    **dict.fromkeys((".nii", ".nii.gz"), NIFTI),
    **dict.fromkeys((".nrrd", ".mha", ".mhd"), VOLUME),
    **dict.fromkeys(VIDEO_SUFFIXES, VIDEO),
    **dict.fromkeys(".cr2 .cr3 .nef .arw .dng .raf .rw2 .orf".split(), RAW),
    **dict.fromkeys((".exr", ".hdr"), Kind("of a high dynamic range", "Save it with 8 or 16 bits, e.g. as PNG")),
    **dict.fromkeys(".psd .xcf .kra .ora .svg .ai .pdf".split(), DRAWING),
    **dict.fromkeys(".czi .lif .nd2 .svs .ndpi .mrxs .oib .oif .lsm .vsi".split(), SLIDE),
    **dict.fromkeys(".h5 .hdf5 .mdb .tfrecord .tfrecords .parquet .arrow .pkl .pickle .pt".split(), STORE),
}

#: What files are by their first bytes, from a position on.
_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (128, b"DICM", DICOM),
    (344, b"n+1\0", NIFTI),
    *((4, b"ftyp" + brand, HEIC) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    (4, b"ftypavif", Kind("AVIF", "Update Pillow to 11.3 or later, pip install -U pillow, or save it as PNG")),
    (4, b"ftyp", VIDEO),
    (0, b"%PDF", Kind("a PDF", _EXPORT)),
    (0, b"8BPS", DRAWING),
    (0, b"\x89HDF", STORE),
    (0, b"\x93NUMPY", Kind("an array of NumPy", "Give it the ending .npy")),
    (0, b"PK\x03\x04", Kind("a zip archive", "Unpack it")),
    (0, b"\x1f\x8b", Kind("compressed by gzip", "Unpack it, e.g. with gunzip")),
)
#: The same for texts, in lower case, behind spaces.
_TEXTS: tuple[tuple[bytes, Kind], ...] = (
    *((start, Kind("a web page (HTML), not an image", "Download it again")) for start in (b"<!doctype html", b"<html")),
    *((start, Kind("an SVG drawing", _EXPORT)) for start in (b"<svg", b"<!doctype svg")),
    *((start, Kind("a text, not an image", "Download it again")) for start in (b"<?xml", b"<error", b"{", b"[")),
)
#: The bit of a TIFF page's type for a smaller copy of another page.
_REDUCED = 0b1
_ZEROS = Kind("empty: all of its bytes are zero, as after an interrupted copy", "Copy or download it again")


def find_camera_raw(path: Path, page_type: int, has_subifds: bool) -> DataError | None:
    """Return the error for a camera's raw file, None for any other TIFF.

    Most raw files (DNG, NEF, ARW, CR2) are TIFFs whose first page is a preview of the photograph, often a small one.

    Args:
        path: The file.
        page_type: The type of its first page, TIFF's tag 254.
        has_subifds: Whether the first page has further ones below it, TIFF's tag 330.
    """
    is_preview = bool(page_type & _REDUCED) and has_subifds
    if not is_preview and FOREIGN.get(path.suffix.lower()) is not RAW:
        return None
    return DataError(f"is {RAW.name}", where=path, remedy=RAW.remedy)


def identify(head: bytes) -> Kind | None:
    """Return what a file is that is not an image, from its first 512 bytes; None if that is unknown."""
    if is_lfs_pointer(head):
        return _POINTER
    text = head.lstrip().lower()
    if text.startswith(b"<?xml") and b"<svg" in text:
        text = b"<svg"
    by_bytes = next((kind for start, magic, kind in _SIGNATURES if head[start : start + len(magic)] == magic), None)
    by_text = next((kind for start, kind in _TEXTS if text.startswith(start)), None)
    return by_bytes or by_text or (_ZEROS if head and not head.strip(b"\0") else None)


def describe_unreadable(path: Path, head: bytes) -> DataError:
    """Return the error for a file that is not an image; `head` are its first 512 bytes."""
    suffix = path.suffix.lower()
    kind = identify(head) or FOREIGN.get(suffix) or (HEIC if suffix in HEIC_SUFFIXES else None)
    if kind is None:
        return DataError("is not an image that can be read", where=path, remedy="Save it as PNG or JPEG, or remove it")
    return DataError(f"is {kind.name}", where=path, remedy=kind.remedy)
