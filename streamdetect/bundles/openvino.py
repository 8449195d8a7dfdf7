"""The one door to OpenVINO: imported on demand, and only by `runtime: openvino`."""

from __future__ import annotations

import importlib
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.core.reconstruction import Reconstruct

_INSTALL = "pip install 'streamdetect[openvino]'"
_TELEMETRY = "openvino_telemetry"


def openvino_graph(content: bytes, threads: int) -> Reconstruct:
    """The compiled graph in OpenVINO, each call on one thread; as many as `threads` may call at once.

    Raises:
        StreamdetectError: OpenVINO is not installed.
    """
    openvino = _load_openvino()
    core = openvino.Core()
    settings = {
        # Left to itself it computes in bfloat16 where the processor can: errors off by 2 %.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(core.read_model(content), "CPU", settings)
    idle = deque(compiled.create_infer_request() for _ in range(threads))

    def run(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        request = idle.pop()
        try:
            rebuilt: NDArray[np.float32] = request.infer({0: windows}, share_inputs=True)[0]
        finally:
            idle.append(request)
        return rebuilt

    return run


def _load_openvino() -> Any:  # noqa: ANN401 - openvino carries no types of its own
    """Import OpenVINO without its telemetry, which would also leave a file in the home directory."""
    held = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # what is None there cannot be imported
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise StreamdetectError(f"OpenVINO is needed for this: {_INSTALL} ({error})") from error
    finally:
        if held is None:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = held
