"""A Linux board at the other end of SSH: its host key known, our key accepted, a folder of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from l0gm_edge.core import environment
from l0gm_edge.core.hardware import HardwareProfile

if TYPE_CHECKING:
    from l0gm_edge.devices._remote_device import RemoteDevice

EXTRA = "ssh"


@contextmanager
def connect(profile: HardwareProfile) -> Iterator[RemoteDevice]:
    """Reach the device in the way of the profile's `transport`; its work folder is removed at the end.

    The device has sh and Linux's usual tools (coreutils, util-linux). Nothing of ~/.ssh/config counts. Raises
    MissingExtra, RecipeError for a way that leads nowhere, and DeviceFailed.
    """
    environment.require("asyncssh", EXTRA, "a device over SSH")
    from l0gm_edge.devices._event_loop import EventLoop
    from l0gm_edge.devices._remote_device import RemoteDevice
    from l0gm_edge.devices._ssh_link import SshLink

    link = SshLink(profile.transport)
    with closing(EventLoop()) as loop, closing(RemoteDevice(link, loop, profile.transport.python)) as device:
        device.open()
        yield device
