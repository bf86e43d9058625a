"""Folders of runs: never overwritten, found again, and refused with a message before the work."""

from dataclasses import replace

import pytest

from sample_records import ranked_model, sample_comparison, sample_metrics
from segarena.errors import RunError
from segarena.files import write_json
from segarena.runs import Run, find_run, open_folder
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


def test_a_new_folder_never_overwrites_but_counts_on(tmp_path):
    made = []
    for _ in range(3):
        made.append(open_folder(None, "camvid", resume=False, root=tmp_path / "runs"))
        (made[-1] / "report.html").write_text(str(len(made)))
    assert [folder.name for folder in made] == ["camvid", "camvid-2", "camvid-3"]
    assert [(folder / "report.html").read_text() for folder in made] == ["1", "2", "3"]


def test_an_empty_folder_or_a_file_of_that_name_is_not_taken_either(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").touch()
    assert open_folder(None, "a", resume=False, root=tmp_path).name == "a-3"


@pytest.mark.parametrize(
    ("name", "folder"),
    [("my data/2024", "my-data-2024"), ("..", "run"), ("", "run"), ("größe.v2", "größe.v2"), (".hidden", "hidden")],
)
def test_any_name_becomes_a_folder_below_the_root(tmp_path, name, folder):
    assert open_folder(None, name, resume=False, root=tmp_path) == tmp_path / folder


def test_a_named_folder_that_holds_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="exists and is not empty") as caught:
        open_folder(tmp_path, "x", resume=False)
    assert str(tmp_path) in str(caught.value)
    assert "--resume" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_resume_goes_on_in_a_folder_that_holds_files(tmp_path):
    (tmp_path / "history.csv").touch()
    assert open_folder(tmp_path, "x", resume=True) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_named_folder_is_made_with_its_parents_and_left_empty(tmp_path, resume):
    out = tmp_path / "a" / "b"
    assert open_folder(out, "x", resume=resume) == out
    assert list(out.iterdir()) == []
    assert open_folder(out, "x", resume=resume) == out


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file: is a file, not a folder"):
        open_folder(tmp_path / "file", "x", resume=True)


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(tmp_path):
    (tmp_path / "file").touch()
    for out, root in (
        (tmp_path / "file" / "sub", tmp_path),
        (None, tmp_path / "file"),
        (None, tmp_path / "file" / "s"),
    ):
        with pytest.raises(RunError, match=r"file.*cannot be written"):
            open_folder(out, "x", resume=False, root=root)


def test_a_root_that_is_a_link_to_nowhere_is_an_error_not_an_endless_search(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted" / "disk")
    with pytest.raises(RunError, match="runs: cannot be written"):
        open_folder(None, "x", resume=False, root=tmp_path / "runs")


def test_a_run_is_named_after_its_model_and_seed_and_a_fold_lies_below():
    assert str(Run("unet", 3).path) == "unet-seed3"
    assert [str(run.path) for run in Run("unet", 3).folds(2)] == ["unet-seed3/fold1", "unet-seed3/fold2"]
    assert Run("unet", 3).folds(None) == [Run("unet", 3)]


def test_a_finished_run_is_itself(tmp_path):
    assert find_run(finish_run(tmp_path)) == tmp_path


def test_a_comparison_stands_for_its_winners_run_with_the_best_validation_score(tmp_path):
    folder = finish_comparison(tmp_path, seed0=0.4, seed1=0.6, seed2=0.5)
    assert find_run(folder) == tmp_path / "unet-seed1"


def test_a_run_without_a_validation_score_is_never_preferred(tmp_path):
    assert find_run(finish_comparison(tmp_path, seed0=None, seed1=0.1)) == tmp_path / "unet-seed1"


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "best.safetensors"])
def test_an_unfinished_run_is_refused_with_what_it_lacks(tmp_path, name):
    finish_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=f"has no {name}, so it is no finished run"):
        find_run(tmp_path)


def test_a_comparison_whose_winner_has_lost_its_weights_is_refused(tmp_path):
    folder = finish_comparison(tmp_path, seed0=0.4)
    (folder / "unet-seed0" / "best.safetensors").unlink()
    with pytest.raises(RunError, match=r"unet-seed0: has no best\.safetensors"):
        find_run(folder)


@pytest.mark.parametrize("ranking", [[], [{"model": "unet"}], None])
def test_a_comparison_without_a_winner_is_refused(tmp_path, ranking):
    write_json(tmp_path / "comparison.json", {**sample_comparison().to_json(), "ranking": ranking})
    with refuses(RunError, where=tmp_path / "comparison.json", value="rank"):
        find_run(tmp_path)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(RunError, match=f"{path.name}: is not a folder"):
            find_run(path)


def test_the_winner_of_folds_is_its_run_with_the_best_validation_score(tmp_path):
    sample_comparison(ranking=(ranked_model("unet", seeds=(0, 1)),)).write(tmp_path)
    for seed, fold, val_miou in ((0, 1, 0.4), (0, 2, 0.6), (1, 1, 0.7), (1, 2, 0.2), (1, 3, None)):
        finish_run(tmp_path / Run("unet", seed, fold).path, val_miou)
    assert find_run(tmp_path) == tmp_path / "unet-seed1" / "fold1"
    assert find_run(tmp_path / "unet-seed0") == tmp_path / "unet-seed0" / "fold2"
    assert find_run(tmp_path / "unet-seed1" / "fold2") == tmp_path / "unet-seed1" / "fold2"
