"""Fill a network with pretrained weights under torchvision's names, or refuse what does not fit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from segarena.errors import WeightsError
from segarena.models.stem import adapt_stem
from segarena.models.weights import Weights

#: Where torchvision's heads end: the layers with one output a class.
SCORES = ("classifier.4.", "aux_classifier.4.")


def load_encoder(encoder: nn.Module, weights: Weights | None) -> None:
    """Fill `encoder` (an Encoder) in place; None leaves it as it is. Classifier layers are left unused.

    Where the encoder's first convolution takes other than three channels, one for RGB is adapted to it by `adapt_stem`.
    Where the encoder has a convolution in the place of a fully connected layer, that layer is read as the convolution
    it is (Long et al. 2015, 3.1). Raises WeightsError where the weights do not fit.
    """
    if weights is None:
        return
    unused: Any = encoder.unused
    stem = str(encoder.stem)
    state = {key: value for key, value in weights.encoder.items() if not key.startswith(unused)}
    wanted = encoder.state_dict()
    if stem in state and state[stem].ndim == 4 and state[stem].shape[1] == 3:
        state[stem] = adapt_stem(state[stem], wanted[stem].shape[1])
    for key in state.keys() & wanted.keys():
        if state[key].ndim == 2 and wanted[key].ndim == 4 and state[key].numel() == wanted[key].numel():
            state[key] = state[key].view_as(wanted[key])
    _check_fit(state, wanted, f"the encoder {encoder.name}", weights.source)
    encoder.load_state_dict(state, strict=False)


def load_heads(model: nn.Module, weights: Weights | None, names: Mapping[str, str]) -> None:
    """Fill what stands on the encoder from a whole torchvision network; `names` maps its prefixes to the model's.

    An auxiliary head is filled where both have one. The last layer of a head stays random where it scores another
    number of classes. Raises WeightsError where any other layer does not fit: the file is of another architecture.
    """
    if weights is None or not weights.heads or not names:
        return

    def rename(key: str) -> str:
        prefix = next((prefix for prefix in names if key.startswith(prefix)), "")
        return names.get(prefix, "") + key.removeprefix(prefix)

    state = {rename(key): value for key, value in weights.heads.items()}
    wanted = {key: value for key, value in model.state_dict().items() if not key.startswith("encoder.")}
    for one, other in ((state, wanted), (wanted, state)):
        if not any(key.startswith("auxiliary_head.") for key in other):
            for key in [key for key in one if key.startswith("auxiliary_head.")]:
                del one[key]
    scores = [rename(key) for key in weights.heads if key.startswith(SCORES)]
    for key in set(scores) & state.keys() & wanted.keys():
        if state[key].shape[1:] == wanted[key].shape[1:] and state[key].shape != wanted[key].shape:
            del state[key], wanted[key]  # other classes
    _check_fit(state, wanted, type(model).__name__, weights.source)
    model.load_state_dict(state, strict=False)


def _check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str, source: object) -> None:
    # Counters were added to BatchNorm after many files were written; no forward pass reads them.
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in wanted]
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    faults = []
    if missing:
        faults.append(f"lacks {len(missing)} of its tensors, e.g. {missing[0]!r}")
    if unknown:
        faults.append(f"has {len(unknown)} that it does not know, e.g. {unknown[0]!r}")
    if shapes:
        key = shapes[0]
        faults.append(f"has {key!r} as {tuple(state[key].shape)}, not {tuple(wanted[key].shape)}")
    if faults:
        raise WeightsError(
            f"does not fit {name}: it {', '.join(faults)}",
            where=source,
            remedy="Choose the model and the encoder that the file was saved from, or another file",
        )
