"""One graph for all sizes: torch.compile, torch.export and ONNX against the model itself."""

import numpy as np
import onnxruntime
import pytest
import torch
from networks import FAMILIES, HEAVY, PADDED, REAL, REST, SLOW, SLOW_REAL, Case
from torch import Tensor, nn

pytestmark = pytest.mark.long

#: Odd, square, small; all differ from the example's size, and none is a multiple of the pyramid's bins.
EXAMPLE = (96, 128)
SIZES = ((71, 150), (96, 96), (33, 35))
#: A dimension that is 1 in the example stays 1 in the graph, and in Swin so does a single window of the coarsest map.
SWIN_EXAMPLE = (256, 288)
SWIN_SIZES = ((225, 302), (320, 256), (231, 233))
#: Each takes seconds, independent of the number of channels: two that have what has broken before, adaptive pooling
#: and skips of odd sizes, and others with the same layers, which are slow tests.
QUICK = [Case("unet", "encoder", "coarse"), Case("pspnet")]
ALIKE = [Case("fcn"), *(Case(name, "paper") for name in ("fcn8s", "unet", "deeplabv3"))]
SLOW_ALIKE = [pytest.param(case, marks=pytest.mark.slow) for case in ALIKE]
#: Layers of the quick ones in other combinations.
THIN = [Case("unet"), Case("deeplabv3"), PADDED, *(Case(n, "paper") for n in ("fcn16s", "fcn32s", "fcn", "pspnet"))]
#: Generating code takes a minute for a real network. Slow: those of the papers, and one on each family of encoders.
GENERATED = [
    pytest.param(case, marks=pytest.mark.slow)
    for case in (*QUICK, *ALIKE, *THIN, *REAL, *HEAVY)
    if case.track == "paper" or case.encoder not in FAMILIES or case.name == "unet"
]
GENERATED += [
    pytest.param(case, marks=pytest.mark.exhaustive)
    for case in (*HEAVY, *REST)
    if not any(case in others.values for others in GENERATED)
]
Exported = tuple[Case, nn.Module, torch.export.ExportedProgram]


@pytest.fixture(
    scope="module",
    params=[*QUICK, *SLOW_ALIKE, *(pytest.param(case, marks=pytest.mark.slow) for case in THIN), *SLOW_REAL, *SLOW],
    ids=str,
)
def exported(request) -> Exported:
    """A network and its graph for all heights and widths; the tests of one network share its export."""
    return request.param, *export(request.param)


def export(case: Case) -> tuple[nn.Module, torch.export.ExportedProgram]:
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


def test_one_exported_graph_serves_every_size(exported):
    case, model, program = exported
    graph = program.module()
    for size in SWIN_SIZES if case.encoder == "swin_t" else SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(graph(image).logits, model(image).logits)


def test_onnx_gives_the_logits_of_pytorch_at_every_size(exported):
    _, model, program = exported
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
def test_the_graph_of_the_paper_unet_serves_images_larger_than_a_tile():
    """The model itself processes them in tiles, the graph as a whole."""
    model, program = export(Case("unet", "paper"))
    image = torch.randn(1, 3, 417, 450)
    with torch.no_grad():
        expected = model(image).logits
        assert np.abs(run_onnx(open_onnx(program), image) - expected.numpy()).max() < 1e-4
        torch.testing.assert_close(program.module()(image).logits, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn", "unet"])
def test_swins_onnx_graph_serves_larger_images_too(name):
    model, program = export(Case(name, "encoder", "swin_t", 32))
    session = open_onnx(program)
    for size in SWIN_SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            assert np.abs(run_onnx(session, image) - model(image).logits.numpy()).max() < 1e-4


@pytest.mark.parametrize("case", [QUICK[0], *SLOW_ALIKE, *SLOW_REAL, *SLOW], ids=str)
def test_compiled_model_gives_the_logits_of_the_eager_one(case):
    """Traced as a whole, without falling back to Python; the slow tests generate code too."""
    check_compiled(case, "eager")


@pytest.mark.parametrize("case", GENERATED, ids=str)
def test_compiled_code_gives_the_logits_of_the_eager_model(case):
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
