"""BibTeX entries of what a comparison used: its architectures, its encoders, its optimizer, and segarena itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One entry of a bibliography.

    Args:
        key: The name that a text cites it by.
        kind: BibTeX's type of the entry, e.g. "inproceedings".
        fields: Name and content of each field, in the order of the entry.
    """

    key: str
    kind: str
    fields: tuple[tuple[str, str], ...]

    @property
    def bibtex(self) -> str:
        """The entry as BibTeX.

        >>> print(Reference("long2015fcn", "inproceedings", (("year", "2015"),)).bibtex)
        @inproceedings{long2015fcn,
          year = {2015},
        }
        """
        lines = [f"  {name} = {{{content}}},\n" for name, content in self.fields]
        return f"@{self.kind}{{{self.key},\n{''.join(lines)}}}"


def _at(key: str, author: str, title: str, venue: str, year: int, arxiv: str = "") -> Reference:
    """A paper of a conference."""
    fields = [("author", author), ("title", title), ("booktitle", venue), ("year", str(year))]
    return Reference(
        key, "inproceedings", (*fields, *([("eprint", arxiv), ("archiveprefix", "arXiv")] if arxiv else []))
    )


_FCN = _at(
    "long2015fcn",
    "Long, Jonathan and Shelhamer, Evan and Darrell, Trevor",
    "Fully Convolutional Networks for Semantic Segmentation",
    "IEEE Conference on Computer Vision and Pattern Recognition",
    2015,
    "1411.4038",
)
ARCHITECTURES = {
    **dict.fromkeys(("fcn", "fcn8s", "fcn16s", "fcn32s"), _FCN),
    "unet": _at(
        "ronneberger2015unet",
        "Ronneberger, Olaf and Fischer, Philipp and Brox, Thomas",
        "{U-Net}: Convolutional Networks for Biomedical Image Segmentation",
        "Medical Image Computing and Computer-Assisted Intervention",
        2015,
        "1505.04597",
    ),
    "pspnet": _at(
        "zhao2017pspnet",
        "Zhao, Hengshuang and Shi, Jianping and Qi, Xiaojuan and Wang, Xiaogang and Jia, Jiaya",
        "Pyramid Scene Parsing Network",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2017,
        "1612.01105",
    ),
    "deeplabv3": Reference(
        "chen2017deeplabv3",
        "misc",
        (
            ("author", "Chen, Liang-Chieh and Papandreou, George and Schroff, Florian and Adam, Hartwig"),
            ("title", "Rethinking Atrous Convolution for Semantic Image Segmentation"),
            ("year", "2017"),
            ("eprint", "1706.05587"),
            ("archiveprefix", "arXiv"),
        ),
    ),
}
#: By how the name of an encoder begins.
ENCODERS = {
    "resnet": _at(
        "he2016resnet",
        "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "Deep Residual Learning for Image Recognition",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2016,
        "1512.03385",
    ),
    "resnext": _at(
        "xie2017resnext",
        r"Xie, Saining and Girshick, Ross and Doll{\'a}r, Piotr and Tu, Zhuowen and He, Kaiming",
        "Aggregated Residual Transformations for Deep Neural Networks",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2017,
        "1611.05431",
    ),
    "vgg": _at(
        "simonyan2015vgg",
        "Simonyan, Karen and Zisserman, Andrew",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        "International Conference on Learning Representations",
        2015,
        "1409.1556",
    ),
    "mobilenet_v2": _at(
        "sandler2018mobilenetv2",
        "Sandler, Mark and Howard, Andrew and Zhu, Menglong and Zhmoginov, Andrey and Chen, Liang-Chieh",
        "{MobileNetV2}: Inverted Residuals and Linear Bottlenecks",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2018,
        "1801.04381",
    ),
    "mobilenet_v3": _at(
        "howard2019mobilenetv3",
        "Howard, Andrew and others",
        "Searching for {MobileNetV3}",
        "IEEE International Conference on Computer Vision",
        2019,
        "1905.02244",
    ),
    "efficientnet": _at(
        "tan2019efficientnet",
        "Tan, Mingxing and Le, Quoc V.",
        "{EfficientNet}: Rethinking Model Scaling for Convolutional Neural Networks",
        "International Conference on Machine Learning",
        2019,
        "1905.11946",
    ),
    "convnext": _at(
        "liu2022convnext",
        "Liu, Zhuang and Mao, Hanzi and Wu, Chao-Yuan and others",
        "A {ConvNet} for the 2020s",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2022,
        "2201.03545",
    ),
    "swin": _at(
        "liu2021swin",
        "Liu, Ze and others",
        "{Swin} Transformer: Hierarchical Vision Transformer using Shifted Windows",
        "IEEE International Conference on Computer Vision",
        2021,
        "2103.14030",
    ),
}
OPTIMIZERS = {
    "adamw": _at(
        "loshchilov2019adamw",
        "Loshchilov, Ilya and Hutter, Frank",
        "Decoupled Weight Decay Regularization",
        "International Conference on Learning Representations",
        2019,
        "1711.05101",
    )
}


def encoder_reference(name: str | None) -> Reference | None:
    """Return the paper of an encoder, by its name; None where there is no such encoder.

    >>> encoder_reference("resnext50_32x4d").key, encoder_reference("mobilenet_v3_large").key
    ('xie2017resnext', 'howard2019mobilenetv3')
    """
    return next((found for begin, found in ENCODERS.items() if name is not None and name.startswith(begin)), None)


def software(version: str) -> Reference:
    """Return the entry of this version of segarena."""
    fields = (
        ("author", "{segarena contributors}"),
        ("title", "segarena: which of {FCN}, {U-Net}, {PSPNet} and {DeepLabv3} is right for your images"),
        ("note", f"Version {version}"),
        ("howpublished", r"\url{https://github.com/segarena/segarena}"),
    )
    return Reference("segarena", "misc", fields)


def bibliography(references: Iterable[Reference]) -> str:
    """Return the entries as a .bib file, each once."""
    return "\n\n".join({entry.key: entry.bibtex for entry in references}.values()) + "\n"
