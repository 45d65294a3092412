"""Laws of export: the same outputs as a torch.nn.Module, as an ONNX graph, and after a walk through a safetensors file."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from torch import nn

import netbp as nb
from modules import KINDS, made
from netbp.activations import Activation
from netbp.files import NotReadError
from users import posix

EDGE = ((0, 1), (1, 0))
CUBE = Activation("cube", lambda z: z * z * z, lambda z, a: 3 * z * z, lambda z, a: 6 * z)
NETWORKS = {
    "dense": nb.Network.dense(3, 4, 2, activation=(nb.sigmoid, nb.identity)),
    "activations": nb.Network.dense(3, 3, 3, 3, 3, 2, activation=(nb.tanh, nb.relu, nb.leaky_relu, nb.step, CUBE)),
    "largest": nb.Network.chain((2, 7, 6), nb.Conv(3, 3, pad=EDGE), nb.Pool(3, 2, pad=((0, 1), (0, 1))), nb.relu, nb.Dense(2)),
    "average": nb.Network.chain((1, 7, 6), nb.Pool(3, 2, pad=((0, 1), (0, 2)), kind="average"), nb.Flatten(), nb.Dense(2)),
    "uneven": nb.Network.chain((2, 5, 5), nb.Pool((2, 3), 1, pad=((1, 0), (2, 0))), nb.Conv(2, 2, 2, pad=1, activation=nb.tanh)),
    "signal": nb.Network.chain((2, 9), nb.Conv(3, 4, pad=((1, 2),)), nb.Pool(3, 2, pad=((0, 1),), kind="average"), nb.Dense(2)),
    "random": nb.Network.chain((1, 4, 4), nb.Flip(), nb.Conv(2, 3), nb.Dropout(0.4, "evaluation"), nb.Dropout(0.3), nb.Dense(3)),
    **{name: nb.TorchNetwork(made(name), *KINDS[name][1:]) for name in KINDS},
}
NAMES = list(NETWORKS)
ONNX = ["largest", "average", "residual", "attention", "words"]


def points(network: nb.Network, N: int = 6) -> np.ndarray:
    rng = np.random.default_rng(4)
    whole = getattr(network, "integers", False)
    return rng.integers(7, size=(N, network.sizes[0])).astype(float) if whole else rng.standard_normal((N, network.sizes[0]))


def said(network: nb.Network, p: np.ndarray, x: np.ndarray) -> np.ndarray:
    targets = np.zeros((len(x), network.sizes[-1]))
    return nb.Problem(network, nb.quadratic, nb.Data(x, targets), engine=nb.Tensor(precision="float64")).output(p, x)


def rows(network: nb.Network, x: np.ndarray, kind: torch.dtype = torch.float64) -> torch.Tensor:
    batch = torch.from_numpy(x).reshape(-1, *network.input)
    return batch.long() if getattr(network, "integers", False) else batch.to(kind)


@pytest.mark.parametrize("name", NAMES)
def test_the_module_says_what_the_network_says(name):
    network = NETWORKS[name]
    p, x = network.draw(1), points(network)
    module = nb.to_torch(network, p)
    assert not module.training
    with torch.no_grad():
        found = module(rows(network, x)).flatten(1).numpy()
    np.testing.assert_allclose(found, said(network, p, x), rtol=1e-12, atol=1e-12)
    assert sum(q.numel() for q in module.parameters()) == network.size
    single = nb.to_torch(network, p.astype(np.float32))
    assert {q.dtype for q in single.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", NAMES)
def test_in_training_it_has_the_same_mean(name):
    """Without dropout and flips the same outputs in both modes; with them, another output each time."""
    network = NETWORKS[name]
    module = nb.to_torch(network, network.draw(1)).train()
    x = rows(network, points(network))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        first, second = module(x), module(x)
        assert torch.equal(first, second) == (not network.random)
        if not network.random and not any(isinstance(m, nn.BatchNorm2d) for m in module.modules()):
            assert torch.allclose(first, module.eval()(x))


@pytest.mark.parametrize("name", ONNX)
def test_onnxruntime_says_what_the_network_says(name, tmp_path):
    network = NETWORKS[name]
    p, x = network.draw(1), points(network, 5)
    assert nb.export_onnx(network, p, tmp_path / "net.onnx") < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    batch = rows(network, x, torch.float32).numpy()
    for m in (1, 5):
        (found,) = session.run(None, {"x": batch[:m]})
        np.testing.assert_allclose(found, said(network, p, x[:m]), rtol=1e-4, atol=1e-5)


EXPORT = """
import sys
import netbp as nb
network = nb.Network.dense(2, 2)
nb.export_onnx(network, network.draw(1), sys.argv[1])
"""


@posix
def test_it_writes_through_no_link_that_another_user_has_put_among_the_temporary_files(tmp_path):
    """onnxruntime's telemetry writes to .ses there, and parts of PyTorch's exporter make and read torchinductor_<user>."""
    temporary, letter = tmp_path / "temporary", tmp_path / "letter"
    temporary.mkdir()
    letter.write_text("precious")
    (temporary / ".ses").symlink_to(letter)
    before = {path: path.lstat().st_mtime_ns for path in temporary.rglob("*")}
    environment = {
        name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "TORCHINDUCTOR_CACHE_DIR")
    }
    environment |= {"TMPDIR": str(temporary), "LOGNAME": "user"}
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(tmp_path / "net.onnx")], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert letter.read_text() == "precious"
    assert {path: path.lstat().st_mtime_ns for path in temporary.rglob("*")} == before


def test_a_graph_that_differs_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"differs from the network by .* it was not written"):
        nb.export_onnx(NETWORKS["average"], NETWORKS["average"].draw(1), tmp_path / "net.onnx", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_from_safetensors_as_they_were(name, tmp_path):
    network, path = NETWORKS[name], tmp_path / "net.safetensors"
    if isinstance(network, nb.TorchNetwork) and network.buffers:
        rng = np.random.default_rng(1)
        network = network.at({key: (3 * rng.random(a.shape)).astype(a.dtype) for key, a in network.buffers.items()})
    for p in (network.draw(2), network.draw(3).astype(np.float32)):
        nb.save_safetensors(network, p, path)
        state = nb.load_safetensors(network, path)
        assert state.p.dtype == p.dtype
        np.testing.assert_array_equal(state.p, p)
        module = nb.to_torch(network, np.zeros(network.size, p.dtype))
        module.load_state_dict(safetensors.torch.load_file(path))  # without netbp
        x = rows(network, points(network), module.state_dict()[next(iter(dict(module.named_parameters())))].dtype)
        assert torch.equal(module(x), nb.to_torch(network, p)(x))
    if isinstance(network, nb.TorchNetwork):
        again = NETWORKS[name].at(state)
        for key, array in network.buffers.items():
            np.testing.assert_array_equal(again.buffers[key].astype(array.dtype), array)


def damaged(path, change):
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))


def flipped(content):
    content[20] ^= 0xFF


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.clear(), "is damaged or no safetensors file"),
        (lambda c: c.__delitem__(slice(-5, None)), "is damaged or no safetensors file"),
        (flipped, "is damaged or no safetensors file"),
        (lambda c: c.__setitem__(slice(0, 8), b"\xff" * 8), "is damaged or no safetensors file"),
    ],
)
def test_damaged_files_are_refused_in_one_line(change, told, tmp_path):
    network, path = NETWORKS["dense"], tmp_path / "net.safetensors"
    nb.save_safetensors(network, network.draw(1), path)
    damaged(path, change)
    with pytest.raises(ValueError, match=told) as refused:
        nb.load_safetensors(network, path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("0.weight"), "has no tensor 0.weight"),
        (lambda t: t.update({"9.weight": torch.zeros(2)}), "has the tensor 9.weight, which"),
        (lambda t: t.update({"0.weight": torch.zeros(2)}), r"has 0.weight of shape \(2,\), but .* needs \(4, 3\)"),
        (lambda t: t.update({"0.bias": torch.full((4,), float("nan"))}), "entries of 0.bias that are not finite"),
    ],
)
def test_files_of_other_networks_are_refused(change, told, tmp_path):
    network, path = NETWORKS["dense"], tmp_path / "net.safetensors"
    tensors = {name: q.clone() for name, q in nb.to_torch(network, network.draw(1)).state_dict().items()}
    change(tensors)
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(ValueError, match=told):
        nb.load_safetensors(network, path)


DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool float8_e4m3fn float8_e5m2 float8_e8m0fnu complex64"


@pytest.mark.parametrize("name", DTYPES.split())
def test_numbers_of_any_kind_are_read_or_refused(name, tmp_path):
    """Half precision is read; whole numbers, eight bits and complex ones are refused, whether safetensors reads them or not."""
    network, path = NETWORKS["dense"], tmp_path / "net.safetensors"
    tensors = {key: q.clone() for key, q in nb.to_torch(network, network.draw(1)).state_dict().items()}
    tensors["0.bias"] = torch.zeros(4).to(getattr(torch, name))
    safetensors.torch.save_file(tensors, path)
    if name in ("float64", "float32", "float16", "bfloat16"):
        assert not nb.load_safetensors(network, path).p[-4 - 2 : -2].any()
        return
    with pytest.raises(ValueError, match=r"has 0\.bias in torch\.|is damaged or no safetensors file"):
        nb.load_safetensors(network, path)


def test_hostile_files_are_refused_in_one_short_line(tmp_path):
    network, path = NETWORKS["dense"], tmp_path / "net.safetensors"

    def file(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    one = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
    cases = [
        file({"a": one}, bytes(8), 2**63),
        file({"a": one}, bytes(8), 2**63 - 1),
        file({"a": {**one, "data_offsets": [0, 2**63]}}, bytes(8)),
        file({"a": {**one, "shape": [2**32, 2**32]}}, bytes(8)),
        file({"a": {**one, "shape": [-1]}}, bytes(8)),
        file({"a": one, "b": one}, bytes(8)),
        file({"\x1b[31m" + "w" * 5000: one}, bytes(8)),
        file({"a": {**one, "dtype": "\x1b[31m" + "w" * 5000}}, bytes(8)),
        file(b"[" * 10_000),
        file(b"{" + b'"a":{' * 10_000),
    ]
    for content in cases:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"net\.safetensors (is damaged or no safetensors file|has no tensor)") as refused:
            nb.load_safetensors(network, path)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 400


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_what_is_no_regular_file_of_a_likely_size_is_refused(tmp_path):
    network, path = NETWORKS["dense"], tmp_path / "net.safetensors"
    path.touch()
    os.truncate(path, 2**40)
    os.mkfifo(tmp_path / "pipe")
    for place, told in ((path, "holds 1,099,511,627,776 bytes"), (tmp_path / "pipe", "is a pipe"), (tmp_path, "is a folder")):
        with pytest.raises(NotReadError, match=told):
            nb.load_safetensors(network, place)


def test_twins_that_differ_are_refused(tmp_path):
    network = NETWORKS["autoencoder"]
    tensors = {name: q.clone() for name, q in nb.to_torch(network, network.draw()).state_dict().items()}
    tensors["turned.weight"] += 1.0
    safetensors.torch.save_file(tensors, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"different values for turned\.weight and inwards\.weight"):
        nb.load_safetensors(network, tmp_path / "net.safetensors")


def test_what_cannot_be_written_or_read_is_refused(tmp_path):
    network = NETWORKS["dense"]
    p = network.draw(1)
    p[0] = np.nan
    with pytest.raises(ValueError, match="1 entries that are not finite"):
        nb.save_safetensors(network, p, tmp_path / "net.safetensors")
    with pytest.raises(FileNotFoundError, match="check the name"):
        nb.load_safetensors(network, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"26 parameters, but p has shape \(3,\)"):
        nb.to_torch(network, np.zeros(3))
    with pytest.raises(OSError, match="does not exist"):
        nb.save_safetensors(network, network.draw(1), tmp_path / "nowhere" / "net.safetensors")
