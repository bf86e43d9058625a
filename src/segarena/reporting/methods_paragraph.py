"""A paragraph on methods to copy into a paper: how this comparison was trained and scored, with its own numbers."""

from __future__ import annotations

from collections.abc import Callable

from segarena.formats import join_words, plain, plural
from segarena.reporting.comparison import Comparison
from segarena.reporting.method import RANDOM, SPLIT_NAMES, tuned_settings, were
from segarena.reporting.references import ARCHITECTURES, OPTIMIZERS, Reference, encoder_reference, software
from segarena.reporting.text_tables import escape_latex, escape_markdown

#: Makes the citation of an entry, in a form that no escaping changes.
Cite = Callable[[Reference], str]

# Brackets of citations until the text is escaped: characters for private use, which no name has.
_OPEN, _CLOSE = "\ue000", "\ue001"

#: Weight of PSPNet's auxiliary loss, see training/losses.py.
AUXILIARY_WEIGHT = 0.4

_LOSSES = {"ce": "cross-entropy", "ce+dice": "the sum of cross-entropy and Dice loss"}
_SCHEDULES = {"onecycle": "a one-cycle schedule", "poly": "a polynomial schedule of power 0.9"}
_FLIPS = {"horizontal": "mirrored horizontally", "both": "mirrored horizontally and vertically"}
_WEIGHTS = {
    "inverse": "the inverse of their frequency",
    "sqrt-inverse": "the square root of the inverse of their frequency",
    "effective": "the effective number of samples",
    "median": "median frequency balancing",
}


def markdown_paragraph(comparison: Comparison) -> str:
    """Return the paragraph in Markdown, with citations as Pandoc reads them: [@key]."""
    text = escape_markdown(" ".join(sentences(comparison)))
    return text.replace(_OPEN, "[@").replace(_CLOSE, "]")


def latex_paragraph(comparison: Comparison) -> str:
    r"""Return the paragraph for LaTeX, with citations by \cite."""
    text = escape_latex(" ".join(sentences(comparison)))
    return text.replace(_OPEN, r"\cite{").replace(_CLOSE, "}")


def plain_paragraph(comparison: Comparison) -> str:
    """Return the paragraph as plain text, with citations as [key]."""
    return " ".join(sentences(comparison)).replace(_OPEN, "[").replace(_CLOSE, "]")


def sentences(comparison: Comparison, cite: Cite | None = None) -> list[str]:
    """Return the sentences of the paragraph: only what the files of the comparison show.

    Args:
        comparison: The comparison.
        cite: Called with each entry that is cited, in the order of the text.
    """
    cite = cite or (lambda reference: f"{_OPEN}{reference.key}{_CLOSE}")
    parts = (_compared, _networks, _training, _selection, _scores, _certainty, _software)
    return [sentence for part in parts for sentence in part(comparison, cite)]


def references(comparison: Comparison) -> list[Reference]:
    """Return the entries that the paragraph cites, in the order of their first use."""
    cited: dict[str, Reference] = {}

    def note(reference: Reference) -> str:
        cited.setdefault(reference.key, reference)
        return ""

    sentences(comparison, note)
    return list(cited.values())


def _compared(comparison: Comparison, cite: Cite) -> list[str]:
    record = comparison.record
    names = []
    for name, style in comparison.styles.items():
        paper = ARCHITECTURES.get(name.partition("@")[0])  # a run's name has the settings that differ
        names.append(style.label if paper is None else f"{style.label} {cite(paper)}")
    data = record.data
    if comparison.folds is not None:
        images = plural(data.counts[record.scored_split], "image")
    else:
        parts = [f"{data.counts[split]:,} {name}" for split, name in SPLIT_NAMES.items() if data.counts.get(split)]
        images = f"{join_words(parts)} images"
    verb = "compared" if len(names) > 1 else "trained"
    return [f"We {verb} {join_words(names)} on {data.name} ({images}; {plural(len(data.classes), 'class')})."]


def _networks(comparison: Comparison, cite: Cite) -> list[str]:
    record, texts = comparison.record, []
    if record.varied:
        varied = join_words([name.replace("_", " ") for name in record.varied])
        texts.append(f"The trainings differed in {varied} only.")
    encoders = {comparison.fact(name, "encoder") for name in comparison.names} - {None}
    if record.track == "paper":
        texts.append("Each network was built as published.")
    elif len(encoders) == 1:
        [encoder] = encoders
        paper = encoder_reference(encoder)
        cited = "" if paper is None else f" {cite(paper)}"
        all_ = "All networks" if len(comparison.names) > 1 else "The network"
        texts.append(f"{all_} had the encoder {encoder}{cited}.")
    texts += _strides(comparison)
    if record.protocol.freeze_batchnorm and "freeze_batchnorm" not in _own_settings(comparison):
        texts.append("The running statistics of BatchNorm in the encoder stayed those of the pretrained weights.")
    for start, labels in comparison.starts.items():
        those = "all networks" if len(comparison.starts) == 1 and len(labels) > 1 else join_words(labels)
        kind = "random" if start == RANDOM else start
        texts.append(f"The initial weights of {those} were {kind}.")
    return texts


def _strides(comparison: Comparison) -> list[str]:
    """The output strides of the models for which they can be chosen."""
    models: dict[str, list[str]] = {}
    for name in comparison.names:
        stride, evaluated = comparison.chosen_stride(name), comparison.fact(name, "eval_output_stride")
        if stride is not None:
            other = "" if evaluated in (None, stride) else f" in training and {evaluated:g} in evaluation"
            models.setdefault(f"{stride}{other}", []).append(comparison.styles[name].label)
    return [f"The output stride of {join_words(labels)} was {stride}." for stride, labels in models.items()]


def _own_settings(comparison: Comparison) -> set[str]:
    """The settings that each model has for itself: the paragraph states no value of them as that of all models."""
    return {*comparison.record.varied, *tuned_settings(comparison)}


def _training(comparison: Comparison, cite: Cite) -> list[str]:
    protocol, own = comparison.record.protocol, _own_settings(comparison)
    texts = [f"{_optimization(comparison, cite, own)}, {_batches(comparison, own)}."]
    if protocol.data_fraction < 1 and "data_fraction" not in own:
        texts.append(f"Only {plain(100 * protocol.data_fraction)}% of the training images were used.")
    if 0 < protocol.largest_part < protocol.batch_size and not own & {"batch_size", "micro_batch"}:
        texts.append(
            f"The gradients of a batch were added up over parts of at most {plural(protocol.largest_part, 'image')}, "
            "each with its own BatchNorm statistics."
        )
    if protocol.decoder_factor != 1 and "decoder_factor" not in own:
        texts.append(
            f"Layers outside the encoder were trained at {protocol.decoder_factor:g} times this learning rate."
        )
    if tuned := [name.replace("_", " ") for name in tuned_settings(comparison)]:
        trials = plural(protocol.tune, "short trial")
        texts.append(
            f"The {join_words(tuned)} of each model {were(tuned)} chosen by {trials} on held-out training images."
        )
    texts += [*_augmentation(comparison, own), *_loss(comparison, own)]
    if protocol.ema_decay and "ema_decay" not in own:
        texts.append(f"An exponential moving average of the weights (decay {protocol.ema_decay:g}) was evaluated.")
    return texts


def _optimization(comparison: Comparison, cite: Cite, own: set[str]) -> str:
    """How long and with which optimizer the models were trained."""
    protocol = comparison.record.protocol
    length = f"at most {plural(protocol.epochs, 'epoch')}"
    if protocol.equal == "time":
        length = f"about the same time ({length} in the mean over the models)"
    begin = "The networks were trained" if own & {"epochs", "equal"} else f"Training took {length}"
    if "optimizer" not in own:
        paper = OPTIMIZERS.get(protocol.optimizer)
        begin += f" with {'SGD with momentum 0.9' if paper is None else f'AdamW {cite(paper)}'}"
    settings = {
        "learning_rate": f"peak learning rate {protocol.learning_rate:g}",
        "weight_decay": f"weight decay {protocol.weight_decay:g}",
        "schedule": _SCHEDULES[protocol.schedule],
        "clip_norm": f"gradients clipped to a norm of {protocol.clip_norm:g}",
    }
    shared = ", ".join(text for name, text in settings.items() if name not in own)
    return f"{begin} ({shared})"


def _batches(comparison: Comparison, own: set[str]) -> str:
    """What a training step had."""
    protocol = comparison.record.protocol
    height, width = protocol.crop
    number = "" if "batch_size" in own else f"{protocol.batch_size} "
    from_images = f" of {height} × {width} pixels from images whose shorter side was resized to {protocol.size} pixels"
    return f"in batches of {number}crops{'' if 'size' in own else from_images}"


def _augmentation(comparison: Comparison, own: set[str]) -> list[str]:
    record = comparison.record
    protocol, jitter = record.protocol, record.protocol.scale_jitter
    settings = {
        "scale_jitter": (jitter > 1, f"scaled by 1/{jitter:g} to {jitter:g}"),
        "rotation": (protocol.rotation > 0, f"rotated by up to {protocol.rotation:g} degrees"),
        "elastic": (
            protocol.elastic > 0,
            f"deformed elastically (standard deviation {plain(100 * protocol.elastic)}% of the shorter side)",
        ),
        "flip": (protocol.flip != "none", _FLIPS.get(protocol.flip, "")),
    }
    changes = [text for name, (is_used, text) in settings.items() if is_used and name not in own]
    colors = "brightness, contrast and saturation" if record.inputs.channels == "rgb" else "brightness and contrast"
    changes.append(f"changed in {colors}")
    chosen = []
    if protocol.crop_foreground and "crop_foreground" not in own:
        chosen = [
            f"{plain(100 * protocol.crop_foreground)}% of the crops were chosen to contain a less frequent class."
        ]
    return [f"Crops were randomly {join_words(changes)}.", *chosen]


def _loss(comparison: Comparison, own: set[str]) -> list[str]:
    """The loss."""
    protocol = comparison.record.protocol
    details = ""
    if protocol.class_weights != "none" and "class_weights" not in own:
        details += f", with classes weighted by {_WEIGHTS[protocol.class_weights]}"
    if protocol.label_smoothing and "label_smoothing" not in own:
        details += f", with label smoothing of {protocol.label_smoothing:g}"
    if protocol.hard_pixels < 1 and "hard_pixels" not in own:
        details += f", of the hardest {plain(100 * protocol.hard_pixels)}% of the pixels in its cross-entropy"
    texts = [f"The loss was {_LOSSES[protocol.loss]}{details}."]
    if "loss" in own:  # each of them has a cross-entropy
        texts = [f"The loss had a cross-entropy{details}."] if details else []
    if any(name.partition("@")[0] == "pspnet" for name in comparison.names):
        texts.append(f"PSPNet also had its auxiliary cross-entropy, with a weight of {AUXILIARY_WEIGHT:g}.")
    return texts


def _selection(comparison: Comparison, cite: Cite) -> list[str]:
    text = "The weights of the epoch with the highest mIoU on the validation images were kept"
    if "patience" not in comparison.record.varied:
        patience = plural(comparison.record.protocol.patience, "epoch")
        text += f", and training stopped after {patience} without improvement"
    seeds = sorted({len(entry.seeds) for entry in comparison.ranking})
    each = "network" if len(comparison.names) == 1 else "model"
    times = "once" if seeds == [1] else f"{' to '.join(str(number) for number in seeds)} times, with different seeds"
    folds = f" in each of {comparison.folds} folds" if comparison.folds is not None else ""
    return [f"{text}.", f"Each {each} was trained {times}{folds}."]


def _scores(comparison: Comparison, cite: Cite) -> list[str]:
    record = comparison.record
    texts = [
        "We report the mean intersection over union (mIoU) over the classes that have true pixels, from pixels counted "
        "over all scored images at their own resolution; void pixels were not counted."
    ]
    if comparison.folds is not None:
        texts.append("Each image was scored once, by networks that were trained on other images.")
    elif record.scored_split == "val":
        texts.append("There was no test split: the scored images also selected the epoch.")
    else:
        texts.append("The test images were scored once, after all choices.")
    return texts


def _certainty(comparison: Comparison, cite: Cite) -> list[str]:
    shown = comparison.record.statistics
    if shown is None or not shown.pairs:
        return []
    if shown.claim == "too_few_units":
        return [f"{plural(shown.units, shown.unit_name)} are too few for a test of the differences."]
    if any(pair.networks is None for pair in shown.pairs):
        return []
    covers = "image sampling" if shown.unit == "image" else f"the sampling of {shown.unit_name}s"
    if any(pair.architectures is not None for pair in shown.pairs):
        covers += " and repeated training"
    units = plural(shown.units, shown.unit_name)
    return [
        f"Intervals of 95% and tests of paired differences are from linearization over {units} and cover {covers}; "
        "p values were adjusted for all pairs (Holm)."
    ]


def _software(comparison: Comparison, cite: Cite) -> list[str]:
    environment, protocol = comparison.record.environment, comparison.record.protocol
    entry = cite(software(environment.segarena))
    versions = f"segarena {environment.segarena} {entry} and PyTorch {environment.torch}"
    precision = "" if "precision" in comparison.record.varied else f" in {protocol.precision}"
    return [f"We used {versions}{precision} on {comparison.record.processor}."]
