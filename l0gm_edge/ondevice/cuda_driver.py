"""Memory and one stream of the first NVIDIA GPU, through nothing but its driver's library and ctypes.

Boards rarely have a CUDA package for Python; every one that has the driver has libcuda. The primary context is shared
with TensorRT, which reaches it through the CUDA runtime. Python 3.8 and numpy.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

LIBRARY = "libcuda.so.1"
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING


class CudaError(Exception):
    """There is no GPU, or it does not do what it is asked for."""

    told = True


class Cuda:
    """The first GPU, current in the thread that made this."""

    def __init__(self) -> None:
        try:
            self._driver = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise CudaError(f"there is no NVIDIA GPU on this device: {LIBRARY} cannot be loaded") from error
        count, device, context, stream = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        if self._driver.cuInit(0) or self._driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
            raise CudaError("there is no NVIDIA GPU on this device: its driver finds none")
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._device = device
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        self._call("cuStreamCreate", ctypes.byref(stream), ctypes.c_uint(NON_BLOCKING))
        self._stream = stream
        self.stream = int(stream.value or 0)
        """The stream as TensorRT takes it."""

    def capability(self) -> str:
        """The compute capability, such as 8.7."""
        found = ctypes.c_int()
        parts = []
        for attribute in (MAJOR, MINOR):
            self._call("cuDeviceGetAttribute", ctypes.byref(found), attribute, self._device)
            parts.append(str(found.value))
        return ".".join(parts)

    def buffer(self, size: int) -> Buffer:
        """Memory on the GPU for this many bytes, at least one; freed when it is forgotten."""
        place = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(max(1, size)))
        return Buffer(self, place.value)

    def put(self, buffer: Buffer, values: np.ndarray) -> None:
        """Copy contiguous values to the GPU; they are there when this returns."""
        source = values.ctypes.data_as(ctypes.c_void_p)
        self._call("cuMemcpyHtoD_v2", ctypes.c_uint64(buffer.place), source, ctypes.c_size_t(values.nbytes))
        self._call("cuCtxSynchronize")

    def get(self, buffer: Buffer, values: np.ndarray) -> None:
        """Copy from the GPU into contiguous values."""
        target = values.ctypes.data_as(ctypes.c_void_p)
        self._call("cuMemcpyDtoH_v2", target, ctypes.c_uint64(buffer.place), ctypes.c_size_t(values.nbytes))

    def wait(self) -> None:
        """Wait until all that was put on the stream is done."""
        if self._driver.cuStreamSynchronize(self._stream):
            raise CudaError("the GPU failed while it was at work (cuStreamSynchronize)")

    def free(self, place: int) -> None:
        """Give memory back."""
        self._driver.cuMemFree_v2(ctypes.c_uint64(place))

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status:
            raise CudaError(f"the GPU's driver refuses {name}: CUDA error {status}")


class Buffer:
    """Memory on the GPU at `place`."""

    def __init__(self, cuda: Cuda, place: int) -> None:
        self._cuda, self.place = cuda, place

    def __del__(self) -> None:
        self._cuda.free(self.place)
