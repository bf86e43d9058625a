"""Folders of runs: never overwritten, found again, used by one command at a time, and refused before the work."""

import errno
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from sample_records import ranked_model, sample_comparison, sample_metrics
from segarena import locks
from segarena.errors import RunError
from segarena.files import write_json
from segarena.locks import hold
from segarena.runs import Run, check_out, describe_unfinished, find_run, open_folder
from segarena.working_folder import check_claim, claimed_folder
from support import refuses


def finish_run(folder, val_miou=0.5):
    write_json(folder / "config.json", {})
    replace(sample_metrics(), val_miou=val_miou).write(folder)
    (folder / "best.safetensors").touch()
    return folder


def finish_comparison(folder, **val_mious):
    """A comparison that unet has won, with one run for each seed."""
    seeds = [int(seed[4:]) for seed in val_mious]
    sample_comparison(ranking=(ranked_model("unet", seeds=seeds), ranked_model("fcn"))).write(folder)
    finish_run(folder / "fcn-seed0", 0.99)
    for seed, val_miou in val_mious.items():
        finish_run(folder / f"unet-{seed}", val_miou)
    return folder


def test_what_a_killed_trial_left_is_no_result(tmp_path):
    (tmp_path / "out" / ".trial-ab" / "last").mkdir(parents=True)
    check_out(tmp_path / "out", resume=False)
    assert not list(open_folder(tmp_path / "out", "name", resume=False).iterdir())


def test_a_new_folder_never_overwrites_but_is_numbered(tmp_path):
    made = []
    for _ in range(3):
        made.append(open_folder(None, "camvid", root=tmp_path / "runs"))
        (made[-1] / "report.html").write_text(str(len(made)))
    assert [folder.name for folder in made] == ["camvid", "camvid-2", "camvid-3"]
    assert [(folder / "report.html").read_text() for folder in made] == ["1", "2", "3"]


def test_an_empty_folder_or_a_file_of_the_name_is_not_used(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").touch()
    assert open_folder(None, "a", root=tmp_path).name == "a-3"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("my data/2024", "my-data-2024"),
        ("data (new)-check", "data-new-check"),
        ("..", "run"),
        ("", "run"),
        ("größe.v2", "größe.v2"),
        (".hidden", "hidden"),
    ],
)
def test_any_name_becomes_a_folder_below_the_root(tmp_path, name, folder):
    assert open_folder(None, name, root=tmp_path) == tmp_path / folder


def test_a_named_folder_with_files_is_only_opened_to_resume(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, None):
        with refuses(RunError, where=tmp_path, value="not empty") as caught:
            open_folder(tmp_path, "x", resume=resume)
        assert "--resume" not in caught.value.remedy
    assert open_folder(tmp_path, "x", resume=True) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("file", "content", "verb"),
    [
        ("config.json", {}, "train"),
        ("comparison.json", {}, "compare"),
        ("options.json", {"command": "compare"}, "compare"),
        ("options.json", {"command": "train"}, "train"),
    ],
)
def test_resuming_is_advised_where_there_is_a_run_and_the_command_can(tmp_path, file, content, verb):
    more = {"schema": 1, "options": {}, "choices": [], "fingerprint": []} if content else {}
    write_json(tmp_path / file, content | more)
    for resume, advice in ((False, f"segarena {verb} --resume {tmp_path}"), (None, "")):
        with refuses(RunError, where=tmp_path, value="not empty") as caught:
            open_folder(tmp_path, "x", resume=resume)
        assert caught.value.remedy.partition(": ")[2] == advice


@pytest.mark.parametrize("resume", [False, True])
def test_a_named_folder_is_made_with_its_parents_and_left_empty(tmp_path, resume):
    out = tmp_path / "a" / "b"
    for _ in range(2):
        assert open_folder(out, "x", resume=resume) == out
        assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "root", "value"),
    [
        ("file", "", "is a file"),
        ("file/sub", "", "cannot be written"),
        (None, "file", "cannot be written"),
        (None, "file/sub", "cannot be written"),
        (None, "link", "cannot be written"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, out, root, value):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "unmounted" / "disk")
    with refuses(RunError, where=tmp_path / (out or root), value=value):
        open_folder(out and tmp_path / out, "x", resume=True, root=tmp_path / root)


def test_a_run_is_named_after_its_model_and_seed_with_its_folds_inside():
    assert str(Run("unet", 3).path) == "unet-seed3"
    assert [run.path.as_posix() for run in Run("unet", 3).folds(2)] == ["unet-seed3/fold1", "unet-seed3/fold2"]
    assert Run("unet", 3).folds(None) == [Run("unet", 3)]


def test_a_finished_run_is_found_as_itself(tmp_path):
    assert find_run(finish_run(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("val_mious", "best"),
    [({"seed0": 0.4, "seed1": 0.6, "seed2": 0.5}, "unet-seed1"), ({"seed0": None, "seed1": 0.1}, "unet-seed1")],
)
def test_of_the_winners_runs_the_best_on_validation_is_used(tmp_path, val_mious, best):
    assert find_run(finish_comparison(tmp_path, **val_mious)) == tmp_path / best


def test_of_the_winners_folds_the_best_on_validation_is_used(tmp_path):
    sample_comparison(ranking=(ranked_model("unet", seeds=(0, 1)),)).write(tmp_path)
    for seed, fold, val_miou in ((0, 1, 0.4), (0, 2, 0.6), (1, 1, 0.7), (1, 2, 0.2), (1, 3, None)):
        finish_run(tmp_path / Run("unet", seed, fold).path, val_miou)
    assert find_run(tmp_path) == tmp_path / "unet-seed1" / "fold1"
    assert find_run(tmp_path / "unet-seed0") == tmp_path / "unet-seed0" / "fold2"
    assert find_run(tmp_path / "unet-seed1" / "fold2") == tmp_path / "unet-seed1" / "fold2"


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "best.safetensors"])
def test_an_unfinished_run_is_refused_with_the_missing_file(tmp_path, name):
    folder = finish_comparison(tmp_path, seed0=0.4) / "unet-seed0"
    (folder / name).unlink()
    with refuses(RunError, where=folder, value=name):
        find_run(folder)
    with refuses(RunError, value="" if name == "metrics.json" else name):
        find_run(tmp_path)


def interrupt_run(folder, *val_mious):
    """A run that was killed after an epoch: no scores, but a history and the best weights."""
    finish_run(folder)
    (folder / "metrics.json").unlink()
    rows = [f"{epoch},{score}" for epoch, score in enumerate(val_mious, start=1)]
    (folder / "history.csv").write_text("\n".join(["epoch,val_miou", *rows]))
    return folder


@pytest.mark.parametrize(
    ("val_mious", "words"),
    [((0.2, 0.4, 0.3), ("3 epochs", "epoch 2", "40.0%")), (("",), ("1 epoch ", "undefined")), ((0.0,), ("0.0%",))],
)
def test_an_interrupted_run_is_found_and_described(tmp_path, val_mious, words):
    assert find_run(interrupt_run(tmp_path, *val_mious)) == tmp_path
    assert all(word in describe_unfinished(tmp_path) for word in words)
    assert describe_unfinished(finish_run(tmp_path / "other")) == ""


def test_of_interrupted_folds_the_best_on_validation_is_used(tmp_path):
    """The third fold was not started; its folder has no weights."""
    finish_run(tmp_path / "fold1", 0.4)
    interrupt_run(tmp_path / "fold2", 0.3, 0.6)
    write_json(tmp_path / "fold3" / "config.json", {})
    assert find_run(tmp_path) == tmp_path / "fold2"


def test_a_comparison_that_is_not_finished_names_its_runs(tmp_path):
    finish_run(tmp_path / "my comparison" / "unet-seed0")
    with refuses(RunError, where=tmp_path / "my comparison", value="not finished") as caught:
        find_run(tmp_path / "my comparison")
    assert f"'{tmp_path / 'my comparison' / 'unet-seed0'}'" in caught.value.remedy


@pytest.mark.parametrize("content", ["epoch,val_miou\none,0.3", "a,b\n1,2"])
def test_a_damaged_history_is_named(tmp_path, content):
    (interrupt_run(tmp_path, 0.1) / "history.csv").write_text(content)
    with refuses(RunError, where=tmp_path / "history.csv"):
        find_run(tmp_path)


@pytest.mark.parametrize("ranking", [[], [{"model": "unet"}], None])
def test_a_comparison_without_a_winner_is_refused(tmp_path, ranking):
    write_json(tmp_path / "comparison.json", {**sample_comparison().to_json(), "ranking": ranking})
    with refuses(RunError, where=tmp_path / "comparison.json", value="rank"):
        find_run(tmp_path)


@pytest.mark.parametrize("name", ["file", "missing"])
def test_a_path_that_is_not_a_folder_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with refuses(RunError, where=tmp_path / name):
        find_run(tmp_path / name)


def test_a_folder_is_used_by_one_command_at_a_time(tmp_path):
    out = tmp_path / "out"
    with claimed_folder(out, "name") as (folder, is_locked):
        assert (folder, is_locked) == (out, True)
        (out / ".metrics.json.partial").touch()  # is being written
        for claim in (lambda: check_claim(out, resume=True), lambda: claimed_folder(out, "", resume=True).__enter__()):
            with refuses(RunError, where=out, value="in use"):
                claim()
        assert (out / ".metrics.json.partial").exists()
        (out / "metrics.json").touch()
    with refuses(RunError, where=out, value="not empty"):
        claimed_folder(out, "name").__enter__()
    with claimed_folder(out, "name", resume=True):
        assert [path.name for path in out.iterdir()] == ["metrics.json"]


def test_a_lock_ends_with_its_process(tmp_path):
    """Also with SIGKILL, after which nothing can be tidied up."""
    program = f"from pathlib import Path; from segarena.locks import hold\nwith hold(Path({str(tmp_path)!r})): "
    program += "print('held', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    with refuses(RunError, where=tmp_path, value="in use"), hold(tmp_path):
        pass
    process.kill()
    process.communicate()
    with hold(tmp_path) as is_locked:
        assert is_locked


def test_a_file_system_without_locks_is_used_all_the_same(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_take", refuse)
    with claimed_folder(tmp_path / "out", "name") as (folder, is_locked):
        assert folder.is_dir()
        assert not is_locked


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked")
def test_a_process_that_was_forked_does_not_keep_the_lock(tmp_path):
    with hold(tmp_path):
        processes = multiprocessing.get_context("fork")
        began = processes.Event()
        sleeper = processes.Process(target=lambda: (began.set(), time.sleep(60)), daemon=True)
        sleeper.start()
        assert began.wait(30)
    try:
        with hold(tmp_path) as is_locked:
            assert is_locked
        assert sleeper.is_alive()
    finally:
        sleeper.kill()
        sleeper.join()
