"""The order of the options, in --help, in printed commands and in Python, and the titles in --help."""

from __future__ import annotations

from collections.abc import Sequence

#: The groups of the options of `compare` and `train`, the most used first.
GROUPS: dict[str, tuple[str, ...]] = {
    "Most used": tuple("model models seed seeds vary like all_images out size epochs budget resume config".split()),
    "Data": ("images", "masks", "channels", "root", "download"),
    "Split": ("split", "test_fraction", "group_by", "folds", "splits", "data_fractions", "data_fraction"),
    "Networks": ("encoder", "weights", "output_stride", "track"),
    "Training": tuple(
        "equal patience batch_size micro_batch learning_rate tune optimizer schedule loss class_weights decoder_factor"
        " weight_decay clip_norm label_smoothing hard_pixels ema_decay freeze_batchnorm".split()
    ),
    "Augmentation": ("crop_foreground", "scale_jitter", "flip", "rotation", "elastic"),
    "Machine": (
        "device",
        "precision",
        "crops",
        "jobs",
        "executor",
        "slurm",
        "threads",
        "workers",
        "cache_gib",
        "disk_cache_gib",
    ),
    "Output": ("keep_states", "track_with", "dry_run", "json", "quiet", "verbose"),
}
#: A command with fewer options has them in one group, and those of `Output`.
FEWEST = 15


def group_options(names: Sequence[str]) -> dict[str, list[str]]:
    """Put the options of a command into titled groups; an option that is in none of `GROUPS` comes first.

    >>> group_options(["quiet", "seed", "size", "fancy"])
    {'Options': ['fancy', 'seed', 'size'], 'Output': ['quiet']}
    """
    grouped = {name for group in GROUPS.values() for name in group}
    found = {"Options": [name for name in names if name not in grouped]}
    for title, group in GROUPS.items():
        own = [name for name in group if name in names]
        found.setdefault(title if len(names) >= FEWEST or title == "Output" else "Options", []).extend(own)
    return {title: group for title, group in found.items() if group}


def order_options(names: Sequence[str]) -> list[str]:
    """Return the names of options in the order of `group_options`.

    >>> order_options(["device", "epochs", "models"])
    ['models', 'epochs', 'device']
    """
    return [name for group in group_options(names).values() for name in group]
