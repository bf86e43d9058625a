"""`train` as a function. Generated from the options by docs/build_signatures.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal

from segarena.api.calls import api_function, run_command
from segarena.config import TrainOptions
from segarena.config.own_models import OwnModel
from segarena.config.training import EncoderName, ModelName, TrackerName, TrackName
from segarena.tracking.callback import Callback

if TYPE_CHECKING:  # `import segarena` is light
    from segarena.results.trained_run import TrainedRun


@api_function
def train(
    data: str | PathLike[str] | None = None,
    *,
    model: ModelName | OwnModel | None = None,
    seed: int = 0,
    like: str | PathLike[str] | None = None,
    all_images: bool = False,
    out: str | PathLike[str] | None = None,
    size: int | None = None,
    epochs: int | None = None,
    budget: str | None = None,
    resume: str | PathLike[str] | None = None,
    config: str | PathLike[str] | None = None,
    images: str | PathLike[str] | None = None,
    masks: str | PathLike[str] | None = None,
    channels: str = "rgb",
    root: str | PathLike[str] | None = None,
    download: bool = False,
    split: float = 0.8,
    test_fraction: float = 0.0,
    group_by: str | PathLike[str] | None = None,
    folds: int | None = None,
    splits: str | PathLike[str] | None = None,
    data_fraction: float = 1.0,
    encoder: EncoderName | None = None,
    weights: str | PathLike[str] | None = None,
    output_stride: Literal[8, 16] | None = None,
    track: TrackName = "encoder",
    patience: int | None = None,
    batch_size: int | Literal["auto"] | None = None,
    micro_batch: int | None = None,
    learning_rate: float | None = None,
    tune: int = 0,
    optimizer: Literal["adamw", "sgd"] = "adamw",
    schedule: Literal["onecycle", "poly"] = "onecycle",
    loss: Literal["ce", "ce+dice"] | None = None,
    class_weights: Literal["none", "inverse", "sqrt-inverse", "effective", "median"] = "none",
    decoder_factor: float | None = None,
    weight_decay: float = 0.01,
    clip_norm: float | None = None,
    label_smoothing: float = 0.0,
    hard_pixels: float = 1.0,
    ema_decay: float = 0.0,
    freeze_batchnorm: bool = False,
    crop_foreground: float = 0.0,
    scale_jitter: float | None = None,
    flip: Literal["horizontal", "both", "none"] = "horizontal",
    rotation: float = 0.0,
    elastic: float = 0.0,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    crops: Literal["auto", "each", "batch"] = "auto",
    threads: int | None = None,
    workers: int | None = None,
    cache_gib: float | None = None,
    disk_cache_gib: float | None = None,
    keep_states: int | None = None,
    track_with: TrackerName | Sequence[TrackerName] = (),
    quiet: bool = False,
    verbose: bool = False,
    callbacks: Sequence[Callback] = (),
) -> TrainedRun:
    """Train and test one architecture.

    Options that are left out, or None, are chosen for the data and the machine, printed, and saved with the result.
    Names may be spelled as you like: "UNet", "U-Net" and "unet" are one model.

    Args:
        data: Folder of images and masks, or the name of a published data set (voc2012, sbd, cityscapes, oxford-pets).
            Default: the built-in scenes.
        model: Which architecture. One of fcn, unet, pspnet, deeplabv3, fcn8s, fcn16s, fcn32s. Your own module: a name
            and the function that builds it, ("mine", build); see docs/own_models.md.
        seed: Seed of the initial weights, the order of the images and the augmentation.
        like: Train with the data and the settings of an earlier comparison or run: its folder. Options that are typed
            replace them. The model is the one with the highest mIoU, unless model is given. With all_images=True,
            epochs is the mean of its best epochs, and the folder to write is in that of the comparison.
        all_images: Train on all labelled images, with none held out for validation or test: for use, once the settings
            are known. Exactly epochs are trained, the weights of the last one are kept, and there is no score.
        out: Folder to write; it must not exist or be empty. Default: a new folder under runs/.
        size: Working size, in pixels: images are resized to this shorter side, and training crops have about this side.
            Default: the cheapest at which no model's resolution ceiling is far below the best affordable one; from 256
            to 512 on a CPU, from 512 to 768 on a GPU, and at most the images' shorter side.
        epochs: Maximum number of epochs. Default: enough for 64000 crops on a GPU and 8000 on a CPU, from 10 to 300 on
            a GPU and 60 on a CPU.
        budget: Time for the whole command: 45m, 1h30m, 90s, ... After a trial of some seconds for each model, epochs,
            and size and output_stride where they are left out, are chosen to fill it. Early stopping may end it sooner.
        resume: Resume what is in this folder, with the options that it was started with: no other option is needed.
            More seeds and other models are added. Data that was moved is named as `data`. With the same folder as out,
            it is started if there is nothing in it.
        config: Read options from a file: YAML or JSON with the names of options as keys, or the options.json or
            config.json of an earlier run. Options that are typed replace those of the file. Paths in the file are
            relative to it.
        images: Folder of the images, in `data`, or a pattern of their files: '*_sat.jpg'. Default: found by name and
            content.
        masks: Folder of the masks, in `data`, or a pattern of their files: '*_labelIds.png'. Default: found by name and
            content.
        channels: Channels that a network gets of each image. rgb: red, green and blue of 8 bits, into which images are
            converted. all: what the files store, 1 to 16 channels of 8 or 16 bits or float32 (TIFF, .npy, PNG, ...),
            alpha included, normalised by mean and standard deviation of the training images. Or their numbers from 1:
            4,3,2.
        root: Folder of a published data set.
        download: Download a published data set into root if it is not there.
        split: Share of the images for training, if the data has no train and val split of its own.
        test_fraction: Share of all images for the test split, if the data has none of its own.
        group_by: Which images belong together and stay in one part of the split. prefix: same name before the frame
            number. folder: same folder. blocks: neighbours in the order of the names. Or a regular expression, or a
            file with name,group in each line. In the statistics a group counts once. none: each image counts, also
            frames of a film that look alike.
        folds: K-fold cross-validation: train K times, each time testing on a different fold. Of the images in the other
            folds, split is the share for training. Default: none, one split into train, val and test.
        splits: Use the split of an earlier run: its folder, or its data.json.
        data_fraction: Share of the training images that train, chosen with about the same share of each class, for as
            many steps as with all of them: one point of the learning curve over the data that `compare` draws.
        encoder: Encoder (backbone). With track="paper" resnet50 or resnet101, for the models that have a ResNet. One of
            resnet18, resnet34, resnet50, resnet101, resnext50_32x4d, vgg16_bn, mobilenet_v2, mobilenet_v3_large,
            efficientnet_b0, efficientnet_b1, efficientnet_b2, efficientnet_b3, efficientnet_b4, convnext_tiny,
            convnext_small, swin_t. Default: resnet50 on a GPU, resnet18 on a CPU; with track="paper" that of the paper.
        weights: Initial weights. imagenet: of the encoder, downloaded by torchvision. none: random. coco: of the whole
            network, for fcn and deeplabv3 with track="paper". Or a file of torchvision's, if all models have the same
            encoder. Default: imagenet; none for the built-in scenes.
        output_stride: Output stride of the encoder in PSPNet and DeepLabv3. One of 8, 16. Default: 8 or 16, chosen with
            size; with track="paper" that of the paper.
        track: encoder: every architecture on the same encoder. paper: every architecture as published.
        patience: Stop after this many epochs without a better validation mIoU. Default: a third of the epochs, at least
            5.
        batch_size: Images per training step. auto: the most that fit into memory for all models, up to 32. Default: 16;
            8 for sizes above 128 on a CPU and 512 on a GPU; at most a quarter of the training images.
        micro_batch: Images of a training step that are computed at a time, to save memory: the gradients of the parts
            add up to those of the batch. BatchNorm, the Dice loss and hard_pixels see one part at a time. A part has
            two images or more: with micro_batch=2, one part of an odd batch has three. Default: the whole batch; less
            where it does not fit into memory.
        learning_rate: Peak learning rate of the encoder. Default: 1e-3 for adamw and 1e-2 for sgd at batch size 8; 3
            times that from scratch, a tenth with track="paper".
        tune: Short trials of each model that choose its learning rate, and from 4 trials on its class weights: each a
            tenth of the epochs, scored on training images that are held out. 0: none.
        optimizer: AdamW, or SGD with momentum 0.9. One of adamw, sgd.
        schedule: Learning rate over time t in [0, 1]: up and down along half cosines, or (1 - t)^0.9. One of onecycle,
            poly.
        loss: Cross-entropy, or cross-entropy plus Dice. One of ce, ce+dice. Default: ce+dice; ce with track="paper", as
            published.
        class_weights: Weight of each class in the loss, from its pixels in the training masks. One of none, inverse,
            sqrt-inverse, effective, median.
        decoder_factor: Learning rate of the layers outside the encoder, as a multiple of learning_rate. A network
            without an encoder uses it for all layers. Default: 3; 1 from scratch with track="encoder".
        weight_decay: Weight decay; not applied to normalisation layers and biases.
        clip_norm: Gradients are clipped to this norm. Default: 1; 5 for sgd and with track="paper".
        label_smoothing: Share of the target in the cross-entropy that is spread over all classes.
        hard_pixels: Share of the pixels of a batch that count in the cross-entropy: those with the highest loss (online
            hard example mining, OHEM).
        ema_decay: Decay of the exponential moving average of the weights (EMA), which is scored and saved, e.g. 0.99.
            0: none.
        freeze_batchnorm: Keep the running statistics of BatchNorm in the encoder as they are in the pretrained weights.
        crop_foreground: Share of the training crops that are chosen to contain a less frequent class.
        scale_jitter: Training images are scaled by a random factor, at most this and at least its inverse. 1: not
            scaled. Default: 1.25; 2 with track="paper".
        flip: How training crops are mirrored at random, half of the time in each direction. horizontal: left to right.
            both: also top to bottom, e.g. aerial images and microscopy. none: where left and right are different
            classes, or text.
        rotation: Training crops are rotated by a random angle, at most this number of degrees in both directions.
        elastic: Elastic deformation of training crops: standard deviation of the displacements, as a share of the
            crop's shorter side, e.g. 0.02.
        device: Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU). Default:
            auto, the GPU if there is one.
        precision: Number format of the forward pass. fp16 is for GPUs without bf16; its gradients are scaled. One of
            auto, fp32, bf16, fp16. Default: auto, bf16 where it is native; else fp16 on a GPU that is made for it, and
            fp32 elsewhere.
        crops: How training crops are computed. each: one by one on the CPU, by the processes of workers. batch: those
            of a batch together, on the device of the network. The two differ by at most one level in few pixels. One of
            auto, each, batch. Default: auto, batch on a GPU; each on a CPU, with rotation or elastic, and for other
            channels than RGB.
        threads: Threads that PyTorch computes with. The same number gives the same results, to the last bit. Default:
            as many as PyTorch chooses; fewer if a container may use fewer cores, or while other programs use them.
        workers: Processes that load images. With crops="batch", threads do. Default: on a GPU the processor cores but
            two, at most 16; 0 on a CPU and with crops="batch".
        cache_gib: Memory for decoded images, in GiB; images that do not fit are kept on disk. Default: half of the free
            memory; 4 where that is unknown.
        disk_cache_gib: Disk space for decoded images that do not fit into memory, in GiB, in ~/.cache/segarena or
            $SEGARENA_CACHE. The least recently used make room for new ones. 0: they are decoded each time. Default:
            half of the free disk space, at most 50.
        keep_states: Training states (last/) of finished trainings that are kept: those of the last ones. Nothing reads
            them again. The weights of the best epoch, and the states of trainings that are not finished, are kept in
            any case. Default: all; none where the disk has too little room for them.
        track_with: Log each epoch, the protocol and the final scores with these trackers, each an extra of the same
            name. Nothing is sent anywhere unless MLFLOW_TRACKING_URI or WANDB_MODE ask for it: what is logged is in the
            folder tracking. One of tensorboard, mlflow, wandb.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.
        callbacks: Your own objects that are called when a training begins, after each epoch and when a training is
            over; see docs/tracking.md.

    Returns:
        The run: `.metrics`, `.history`, `.predictor()`, ... It is its folder too: use it as a path.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
        Interrupted: The training was stopped, by Ctrl-C or a notebook's stop button; the state is saved.
    """
    result = run_command(TrainOptions, locals(), "train")
    from segarena.results.trained_run import TrainedRun

    return TrainedRun(result)
