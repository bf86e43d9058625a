"""A message that names an option names one of the command that shows it: `segarena synth` has no `--out`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from segarena import config
from source_code import FILES, TREES, docstrings, reached, room
from support import named_options, options_of

VERBS = [module.rpartition(".")[2] for module in FILES if room(module) == "commands"]
VERBS = [verb for verb in VERBS if hasattr(config, f"{verb.title()}Options")]
VERBS.remove("suite")  # it runs `compare`, whose options are keys of its file
TRAINING = {"compare", "train"}

#: Messages of a module, or those with an option, that not all commands show that import the module.
SHOWN_BY = {
    "segarena.commands.ceiling_table": TRAINING,  # `check` shows it as advice for a training
    "segarena.checks.pairs --from": {"convert"},  # the others show its command as a whole
    "segarena.checks.metadata": TRAINING,  # also by `check`, as advice for a training
    "segarena.checks.metadata --write-classes": {"check"},  # the others show its command as a whole
    "segarena.converters.class_attribute": {"convert"},
    "segarena.converters.coco_crowds": {"convert"},
    "segarena.converters.registry": {"convert"},  # the others show its commands as a whole
    "segarena.data.encoding.infer": {"convert"},  # likewise
    "segarena.data.layout.alternatives": {*TRAINING, "check", "evaluate"},
    "segarena.data.layout.errors": {*TRAINING, "check", "evaluate"},
    "segarena.data.layout.errors --channels": {*TRAINING, "check"},  # `evaluate` takes those of the run
    "segarena.data.layout.errors --from": {"convert"},  # the others show its command as a whole
    "segarena.data.layout.pairing": {*TRAINING, "check", "evaluate"},
    "segarena.published": {*TRAINING, "evaluate"},  # `check` takes folders only
    "segarena.published --download": TRAINING,
    "segarena.data.splitting.groups": {*TRAINING, "check"},
    "segarena.data.splitting.splits": {*TRAINING, "check"},
    "segarena.data.splitting.splits --folds": TRAINING,
    "segarena.data.encoding.objects --masks": {*TRAINING, "check", "evaluate"},  # not `export`, as in `inputs`
    "segarena.data.folder": {*TRAINING, "check", "evaluate"},  # `export` reads the data of a run, as it is recorded
    "segarena.loading.scaling": {"predict", "evaluate"},  # the others have no --scale
    "segarena.experiment.inputs --images": {*TRAINING, "check", "evaluate"},  # not `export`, likewise
    "segarena.experiment.inputs --masks": {*TRAINING, "check", "evaluate"},
    "segarena.training.divergence": TRAINING,  # `bench` takes steps, whose losses do not matter
    "segarena.experiment.inputs --splits": TRAINING,  # only where it is given
    "segarena.experiment.inputs --split": {*TRAINING, "check"},  # likewise
    "segarena.experiment.inputs --test-fraction": {*TRAINING, "check"},
    "segarena.exporting.onnx_model --device": {"predict", "evaluate", "serve"},  # `export` computes on the CPU
    "segarena.locks": TRAINING,  # the others lock no folder
    "segarena.training.predictor": {"predict", "evaluate"},  # the others have no --scale, or no --device
    "segarena.experiment.inputs --root": {*TRAINING, "evaluate"},
    "segarena.experiment.inputs --channels": TRAINING,  # `evaluate` takes those of the run
    "segarena.experiment.inputs --download": TRAINING,  # only where it is given
    "segarena.formats --resume": TRAINING,  # the others show its command as a whole
    "segarena.models.weights": TRAINING,  # no other command reads pretrained weights
    "segarena.reporting.caveats": {"compare"},  # `report` repeats it, as advice for another comparison
    "segarena.reuse.recorded --resume": TRAINING,  # `check` and `evaluate` use another part of it
    "segarena.runs --out": {*TRAINING, "check", "evaluate", "predict"},  # only where it is not given
    "segarena.runs --resume": TRAINING,  # only where there is one
    "segarena.scoring.wording": {"compare"},  # `report` repeats it, as advice for another comparison
    "segarena.checks.duplicates --group-by": {*TRAINING, "check"},  # `evaluate` looks for copies only
    "segarena.checks.dependence --group-by": {*TRAINING, "check"},  # likewise
    "segarena.loading.processes --jobs": {"compare"},  # `train` has one training
    "segarena.experiment.executors.choose": {"compare"},
    "segarena.experiment.executors.ray_cluster": {"compare"},
    "segarena.experiment.executors.slurm": {"compare"},
    "segarena.launched": {"compare"},  # the others show its command as a whole
    "segarena.exporting.onnx_predictor --probabilities": {"predict"},  # the remedy is a command of `export`
    "segarena.reporting.viewer --resume": {"compare"},  # a command of `compare`, shown as a whole
    "segarena.reporting.viewer --vary": {"compare"},  # likewise
    "segarena.experiment.calibration --models": {"compare"},  # where several models are predicted
    "segarena.experiment.matching --all-images": {"train"},  # `compare` shows it as what was typed for a training
    "segarena.experiment.matching --data-fraction": {"train"},  # `compare` shows it as advice for a training
    "segarena.experiment.matching --seed": {"train"},  # `compare` shows it as advice for a training
    "segarena.experiment.networks --models": {"compare"},  # `train` has `--model`, and does not take modules
    "segarena.experiment.units --group-by": TRAINING,  # `evaluate` takes the rule of the training
    "segarena.models.own --size": TRAINING,  # only before a training
    "segarena.reporting.claims": {"compare"},  # `report` repeats it, as advice for another comparison
    "segarena.scoring.setting --seed": {"train"},  # likewise, for another training
    "segarena.scoring.setting --seeds": {"compare"},
    "segarena.reporting.suspicious": {"compare"},  # likewise
    "segarena.reporting.use": {"train"},  # a command of `train`, shown as a whole
    "segarena.reporting.use --data-fractions": {"compare"},  # one of `compare`, likewise
    "segarena.reuse.like": {"train"},  # likewise
    "segarena.scoring.limits": {"compare"},  # `report` repeats it, as advice for another comparison
    "segarena.commands.terminal --device": {*TRAINING, "evaluate", "predict"},  # the GPU's memory is short
    "segarena.commands.terminal --micro-batch": TRAINING,
    "segarena.commands.terminal --size": TRAINING,
    "segarena.loading.processes": TRAINING,  # `evaluate` uses no processes
    "segarena.training.devices": TRAINING,  # the others have no --precision
    "segarena.training.machine": {*TRAINING, "evaluate", "predict"},  # the others compute with no device
}
#: Options of git, hf, docker, torchrun, ray, squeue, mlflow and tensorboard.
NOT_SHOWN = {"--error-unmatch", "--short", "--private", "--shm-size", "--nproc-per-node", "--max-restarts"}
NOT_SHOWN |= {"--disable-usage-stats", "--head", "--me", "--backend-store-uri", "--logdir"}


@cache
def texts(module: str) -> tuple[str, ...]:
    """The strings of a module that have an option; those of commands name one another's modules again and again."""
    return tuple(text for text in strings(module) if "--" in text)


def strings(module: str) -> Iterator[str]:
    """The strings of a module but its docstrings; of an f-string the parts that are written out."""
    skipped = docstrings(TREES[module])
    for node in ast.walk(TREES[module]):  # an f-string comes before its parts
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            skipped |= set(parts)
            yield "{}".join(part.value for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.value


def test_every_command_has_the_options_that_its_messages_name() -> None:
    wrong = set()
    for command in VERBS:
        for module in reached(f"segarena.commands.{command}"):
            if room(module) == "config" or command not in SHOWN_BY.get(module, VERBS):
                continue
            for text in texts(module):
                for verb, option in named_options(text, command):
                    shown = command in SHOWN_BY.get(f"{module} {option}", VERBS)
                    if shown and option not in options_of(verb) | NOT_SHOWN:
                        wrong.add(f"{module} names {option}, which `segarena {verb}` does not have")
    assert not wrong, "\n".join(sorted(wrong))


def test_the_exceptions_are_needed() -> None:
    for place, commands in SHOWN_BY.items():
        importing = {verb for verb in VERBS if place.split()[0] in reached(f"segarena.commands.{verb}")}
        assert importing - commands, f"{place} needs no exception"
