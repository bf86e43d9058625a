"""The house stands: imports go down only, `--help` is instant, a file holds one idea."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from source_code import FILES, IMPORTS, TREES, is_in, room

#: Floors from the ground up, of the whole package and inside its larger rooms. A file may import its own room and the
#: floors below it; the rooms of one floor do not import each other. A package's own file is the room `__init__`.
FLOORS: dict[str, tuple[set[str], ...]] = {
    "segarena": (
        {"cores"},
        set("errors evenly formats free_disk free_memory seeding streams threads units _version".split()),
        {"config", "extras", "files", "launched", "locks", "texts"},
        {"classes"},
        {"records"},
        {"runs"},
        {"reuse", "tracking", "working_folder"},
        {"image_files", "kernels"},
        {"data", "models", "scoring"},
        {"annotations", "checks", "loading", "scenes"},
        {"converters"},
        {"published"},
        {"training", "reporting"},
        {"exporting", "outputs"},
        {"serving"},
        {"experiment", "results"},
        {"commands"},
        {"api", "cli"},
        {"__init__"},
        {"__main__"},
    ),
    "segarena.data": (
        {"channel_statistics", "contents", "source"},
        {"encoding", "layout", "splitting"},
        {"folder"},
        {"__init__"},
    ),
    "segarena.loading": (
        {"channel_jitter", "disk_cache", "processes", "sizes", "warp"},
        {"scaling", "transforms"},
        {"crop_tables", "decoded"},
        {"dataset", "pixel_store"},
        {"device_batches", "kept_batches"},
        {"__init__"},
    ),
    "segarena.reuse": (
        {"convert", "paths"},
        {"recorded"},
        {"like", "option_file", "resume"},
        {"complete", "suite_file"},
        {"words"},
        {"__init__"},
    ),
    "segarena.models": (
        {"checks", "layers", "shapes", "weights"},
        {"base", "fitting"},
        {"encoders", "folding"},
        {"deeplabv3", "fcn", "own", "pspnet", "unet"},
        {"registry"},
        {"__init__"},
    ),
    "segarena.experiment": (
        {
            "bench_network",
            "choices",
            "conversion",
            "executors",
            "preview",
            "progress",
            "recognition",
            "resolution",
            "schedule",
            "self_test",
            "trial_scores",
        },
        {"prediction", "time_left", "watching"},
        {"bench", "budget", "ceilings", "error_files", "found_runs", "image_counts", "inputs", "networks"},
        {"decode", "resolve_machine"},
        {"check_report", "recorded_images", "resolve", "scored", "units"},
        {"prepared"},
        {"examples", "prepared_report"},
        {"choose_again", "export", "prepare", "rescore"},
        {"rescore_exported"},
        {"after_trainings", "held_out", "matching", "plan", "prediction_report", "disk_space"},
        {
            "compared_data",
            "evaluation_plan",
            "kept_states",
            "expectation",
            "failures",
            "held_out_baseline",
            "joint",
            "pictures",
            "running_page",
            "tracked",
            "shortage",
            "waiting",
        },
        {"build"},
        {"costs"},
        {"run"},
        {"following", "training_task"},
        {"memory_trial", "train_all", "trial", "tuning"},
        {"calibrated", "tune_all", "work_left"},
        {"calibration", "suspicious", "tables"},
        {"slices", "suite_plan"},
        {"dry_run", "suite_result", "summary"},
        {"data_curve"},
        {"__init__"},
    ),
    "segarena.outputs": (
        {"regions"},
        {"result"},
        {"ahead", "brush", "json_list", "manifest", "shards", "table", "whole", "writer"},
        {
            "areas",
            "coco",
            "cvat",
            "geojson",
            "geotiff",
            "label_studio",
            "mask",
            "overlay",
            "probabilities",
            "video_files",
        },
        {"choose", "folder", "labelling", "names", "video_labelling"},
        {"__init__"},
    ),
    "segarena.results": (
        {"folder"},
        {"benchmark", "evaluation", "findings"},
        {"trained_run"},
        {"comparison"},
        {"suite"},
        {"__init__"},
    ),
    "segarena.api": (
        {"calls"},
        {"bench", "compare", "data", "results", "suite", "train"},
        {"__init__"},
    ),
    "segarena.commands": (
        {"log", "notebook", "paths", "plain_console", "signals", "tables", "usage", "wrapping"},
        {"completion", "terminal"},
        {"ceiling_table", "interrupts", "plan_table", "training_lines"},
        {"training_table"},
        {"progress"},
        {"predicted_videos", "predicting"},
        {
            "bench",
            "check",
            "compare",
            "convert",
            "doctor",
            "evaluate",
            "export",
            "models",
            "predict",
            "report",
            "serve",
            "synth",
            "train",
        },
        {"suite"},
        {"__init__"},
    ),
}


@pytest.mark.parametrize("package", FLOORS)
def test_imports_go_down_only(package: str) -> None:
    height = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms}
    inside = {module: room(module, package) for module in FILES if is_in(module, package)}
    assert set(height) == set(inside.values()), "every room has a floor"
    wrong = [
        f"{module} imports {name}"
        for module, here in inside.items()
        for name in IMPORTS[module] & set(inside)
        if inside[name] != here and height[inside[name]] >= height[here]
    ]
    assert not wrong, "\n".join(sorted(wrong))


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports under TYPE_CHECKING and inside functions count too; an import of `a.b` counts as one of b, not of a."""
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_these_import_no_torch() -> None:
    names = [
        "segarena",
        "segarena.cli",
        "segarena.scoring.scores",
        "segarena.scoring.ranking",
        "segarena.scoring.statistics",
        "segarena.scoring.verdict",
        "segarena.reporting.page",
        "segarena.results.comparison",
        "segarena.commands.check",
        "segarena.commands.paths",
        "segarena.commands.serve",
        "segarena.commands.suite",
        "segarena.serving.models",
        "segarena.exporting.onnx_model",
    ]
    lines = [f"import {name}; assert 'torch' not in sys.modules, '{name} imports torch'" for name in names]
    done = subprocess.run([sys.executable, "-c", "\n".join(["import sys", *lines])], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_only_commands_and_the_command_line_print() -> None:
    for module, tree in TREES.items():
        if room(module) in ("commands", "cli"):
            continue
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"], f"{module} prints"


def test_files_hold_one_idea() -> None:
    assert not {module for module, path in FILES.items() if len(path.read_text().splitlines()) > 350}
