"""An ONNX graph runs only if it is nothing but the layers of a network, of bounded size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.bundles import runtime
from streamdetect.bundles.bundle import Bundle
from streamdetect.bundles.graph import OPERATORS, check_graph
from streamdetect.bundles.runtime import onnx_graph
from streamdetect.errors import BundleError

onnx = pytest.importorskip("onnx")
from google.protobuf.message import DecodeError  # noqa: E402 - only where onnx is
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - only where onnx is

WINDOW = (2, 1)
GENERAL = Bundle.load("general").model_bytes("model.onnx")


def graph(*nodes, constants=(), output="y"):
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *WINDOW])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def refused(model, rule):
    with pytest.raises(BundleError, match=rule):
        onnx_graph(model.SerializeToString(), WINDOW, 1)


def body(cond="cond"):
    """Make the body of a loop that never ends by itself."""
    return helper.make_graph(
        [helper.make_node("Identity", [cond], ["again"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info(cond, TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )


def test_a_network_runs():
    run = onnx_graph(GENERAL, (16, 1), 1)
    assert run(np.zeros((3, 16, 1), np.float32)).shape == (3, 16, 1)


def test_a_loop_does_not():
    loop = helper.make_node("Loop", ["n", "yes", "x"], ["y"], body=body())
    refused(graph(loop, constants=[("n", np.int64(1 << 62)), ("yes", np.True_)]), "got 'Loop'")


def test_nor_does_a_branch_or_anything_within_an_operator():
    branch = helper.make_node("If", ["yes"], ["y"], then_branch=body(), else_branch=body())
    refused(graph(branch, constants=[("yes", np.True_)]), "got 'If'")
    hidden = helper.make_node("Relu", ["x"], ["y"], body=body())
    refused(graph(hidden), "no graphs within operators")


def test_nor_an_operator_of_somebody_else():
    refused(graph(helper.make_node("Relu", ["x"], ["y"], domain="com.example")), "got 'com.example'")


def test_nor_a_function():
    model = graph(helper.make_node("Relu", ["x"], ["y"]))
    model.functions.append(helper.make_function("f", "Relu", ["a"], ["b"], [], [helper.make_opsetid("", 15)]))
    refused(model, "no functions")


def test_a_constant_is_in_the_file():
    model = graph(helper.make_node("Add", ["x", "c"], ["y"]), constants=[("c", np.float32(1))])
    constant = model.graph.initializer[0]
    constant.ClearField("raw_data")
    constant.dims.extend([1 << 31, 2])
    refused(model, "hold its constants whole")
    constant.ClearField("dims")
    constant.external_data.add(key="location", value="/etc/passwd")
    refused(model, "no constants in other files")


@pytest.mark.parametrize("shape", [[1 << 32], [1 << 20, 1 << 20], [-(1 << 40)]])
def test_shapes_are_bounded(shape):
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Add", ["x", "c"], ["y"])]
    refused(
        graph(*nodes, constants=[("s", np.array(shape, np.int64))]), "must hold (integers|shapes) of at most"
    )


def test_what_a_constant_operator_holds_is_bounded_too():
    value = helper.make_node("Constant", [], ["s"], value_ints=[1 << 40])
    refused(graph(value, helper.make_node("Expand", ["x", "s"], ["y"])), "must hold integers of at most")


def test_what_grows_while_it_runs_ends_at_the_limit_of_memory():
    doublings = [helper.make_node("Concat", [f"a{n}"] * 2, [f"a{n + 1}"], axis=1) for n in range(40)]
    nodes = [
        helper.make_node("Identity", ["x"], ["a0"]),
        *doublings,
        helper.make_node("ReduceMax", ["a40"], ["y"]),
    ]
    refused(graph(*nodes), "must run 64 windows within 60 s and 1024 MiB")


def test_what_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(runtime, "REHEARSAL", 0.2)
    side = np.zeros((2000, 2000), np.float32)
    products = [helper.make_node("MatMul", [f"m{n}", "m0"], [f"m{n + 1}"]) for n in range(400)]
    last = [helper.make_node("ReduceMax", ["m400"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    refused(graph(*products, *last, constants=[("m0", side)]), "got no end")


def test_to_the_end_is_no_size():
    ends = [("first", [0]), ("last", [np.iinfo(np.int64).max]), ("axis", [1])]
    node = helper.make_node("Slice", ["x", "first", "last", "axis"], ["y"])
    constants = [(name, np.array(value, np.int64)) for name, value in ends]
    check_graph(graph(node, constants=constants).SerializeToString())


@given(data=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(data):
    with pytest.raises(BundleError):
        check_graph(data)


@given(place=st.integers(0, len(GENERAL) - 1), byte=st.integers(0, 255))
def test_so_is_a_graph_with_a_byte_changed(place, byte):
    changed = bytearray(GENERAL)
    changed[place] = byte
    try:
        check_graph(bytes(changed))
        others_read = onnx.load_from_string(bytes(changed)).graph.node
    except (BundleError, DecodeError):
        return
    assert {node.op_type for node in others_read} <= OPERATORS


def test_a_file_of_nothing_but_fields_is_given_up():
    with pytest.raises(BundleError, match="must have at most 500000 fields"):
        check_graph(b"\x10\x01" * 600_000)
