"""One graph for every size: torch.compile, torch.export and ONNX, each against the model itself."""

import functools

import numpy as np
import onnxruntime
import pytest
import torch
from networks import FAMILIES, HEAVY, PADDED, REAL, REST, SLOW, SLOW_REAL, Case
from torch import Tensor, nn

#: Odd, square, small; the example's own sizes are others, and neither is a bin of the pyramid.
EXAMPLE = (96, 128)
SIZES = ((71, 150), (96, 96), (33, 35))
#: A dimension that is 1 in the example stays 1 in the graph, and in Swin so does a single window of the coarsest map.
SWIN_EXAMPLE = (256, 288)
SWIN_SIZES = ((225, 302), (320, 256), (231, 233))
#: Each of them takes seconds, whatever the size of the network.
QUICK = [
    *(Case("fcn"), Case("unet", "encoder", "coarse"), Case("pspnet"), Case("deeplabv3")),
    *(Case(name, "paper") for name in ("fcn8s", "unet", "pspnet", "deeplabv3")),
]
THIN = [Case("unet"), PADDED, *(Case(name, "paper") for name in ("fcn16s", "fcn32s", "fcn"))]
#: To generate code takes a minute for a real network. Slow: those of the papers, and one on each family of encoders.
GENERATED = [
    pytest.param(case, marks=pytest.mark.slow)
    for case in (*QUICK, *THIN, *REAL, *HEAVY)
    if case.track == "paper" or case.encoder not in FAMILIES or case.name == "unet"
]
GENERATED += [
    pytest.param(case, marks=pytest.mark.exhaustive)
    for case in (*HEAVY, *REST)
    if not any(case in others.values for others in GENERATED)
]
cases = pytest.mark.parametrize(
    "case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in THIN), *SLOW_REAL, *SLOW], ids=str
)


@functools.lru_cache(maxsize=1)
def exported(case: Case) -> tuple[nn.Module, torch.export.ExportedProgram]:
    """The model and its graph, exported once for any height and width."""
    model = case.build().eval()
    example = SWIN_EXAMPLE if case.encoder == "swin_t" else EXAMPLE
    axes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(model, (torch.randn(1, 3, *example),), dynamic_shapes={"image": axes})
    return model, program


def open_onnx(program: torch.export.ExportedProgram) -> onnxruntime.InferenceSession:
    graph = torch.onnx.export(program, dynamo=True, opset_version=18, verbose=False)
    return onnxruntime.InferenceSession(graph.model_proto.SerializeToString())


def run_onnx(session: onnxruntime.InferenceSession, image: Tensor) -> np.ndarray:
    return session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]


@cases
def test_one_exported_graph_serves_every_size(case):
    """Also where the example's sizes coincide with a bin of the pyramid, or leave nothing to crop."""
    model, program = exported(case)
    graph = program.module()
    for size in SWIN_SIZES if case.encoder == "swin_t" else SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(graph(image).logits, model(image).logits)


@cases
def test_onnx_gives_the_logits_of_pytorch_at_every_size(case):
    model, program = exported(case)
    session = open_onnx(program)
    height, width = session.get_inputs()[0].shape[2:]
    assert isinstance(height, str)
    assert isinstance(width, str)
    for size in SIZES:
        image = torch.randn(1, 3, *size)
        logits = run_onnx(session, image)
        with torch.no_grad():
            expected = model(image).logits.numpy()
        assert logits.shape == expected.shape
        assert np.abs(logits - expected).max() < 1e-4


@pytest.mark.slow
def test_the_graph_of_the_published_unet_serves_images_larger_than_a_tile():
    """The model itself takes them in tiles, and the graph in one piece."""
    model, program = exported(Case("unet", "paper"))
    image = torch.randn(1, 3, 417, 450)
    with torch.no_grad():
        expected = model(image).logits
        assert np.abs(run_onnx(open_onnx(program), image) - expected.numpy()).max() < 1e-4
        torch.testing.assert_close(program.module()(image).logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn", "unet"])
def test_swins_onnx_graph_serves_larger_images_too(name):
    case = Case(name, "encoder", "swin_t", 32)
    model, program = exported(case)
    session = open_onnx(program)
    for size in SWIN_SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            assert np.abs(run_onnx(session, image) - model(image).logits.numpy()).max() < 1e-4


@pytest.mark.parametrize("case", [*QUICK[:4], Case("fcn8s", "paper"), *SLOW_REAL, *SLOW], ids=str)
def test_compiled_model_gives_the_logits_of_the_eager_one_at_every_size(case):
    """Traced in full, without falling back to Python; the code generator itself is tested by the slow tests."""
    check_compiled(case, "eager")


@pytest.mark.parametrize("case", GENERATED, ids=str)
def test_compiled_code_gives_the_logits_of_the_eager_model_at_every_size(case):
    check_compiled(case, "inductor")


def check_compiled(case: Case, backend: str) -> None:
    model = case.build().eval()
    torch.compiler.reset()
    compiled = torch.compile(model, backend=backend, fullgraph=True, dynamic=True)
    for size in SIZES:
        image = torch.randn(2, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(compiled(image).logits, model(image).logits, rtol=1e-4, atol=1e-4)


def test_compiled_model_trains():
    model = Case("pspnet").build()
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    logits, auxiliary = compiled(torch.randn(2, 3, 49, 64))
    (logits.square().mean() + auxiliary.square().mean()).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
