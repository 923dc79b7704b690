"""An Android device behind the `adb` client: `address` is its serial number, `port` that of the adb server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices._adb_link import AdbLink
from l0gm_edge.devices._event_loop import EventLoop
from l0gm_edge.devices._remote_device import RemoteDevice


@contextmanager
def connect(profile: HardwareProfile) -> Iterator[RemoteDevice]:
    """Reach the device by its serial; its work folder is removed at the end, and adb's server stays as it is.

    The device has Android's shell and toybox. Raises RecipeError without a serial, and DeviceFailed.
    """
    link = AdbLink(profile.transport)
    with closing(EventLoop()) as loop, closing(RemoteDevice(link, loop, profile.transport.python)) as device:
        device.open()
        yield device
