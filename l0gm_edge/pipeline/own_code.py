"""The person's own code: found, called, and told of in one message where it goes wrong."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import L0GMEdgeError, OwnCodeFailed
from l0gm_edge.core.plugins import nearest

MOST_READ = 64 * 2**20
"""Bytes of a package's source that are digested; of files beyond them, only size and time of change count."""
INSTALL = "install the package that holds it, or name its folder with --pythonpath DIR"


@contextmanager
def importable(folders: Sequence[Path]) -> Iterator[None]:
    """Let Python find the modules of these folders while the context lasts.

    What was imported from them is forgotten afterwards, so that two runs of one process never share code.
    """
    path, modules = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(folder) for folder in folders]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and any(Path(file).is_relative_to(folder) for folder in folders):
                del sys.modules[name]


def call(entry: Entry, key: str) -> object:
    """What the entry's function returns; `key` is where it stands in the recipe.

    Raises OwnCodeFailed, with the entry and the line of the person's own code, whatever goes wrong there.
    """
    function = _function(entry, key)
    _require_fit(function, entry, key)
    with told(entry, key):
        return function(**entry.arguments)


def documentation(entry: Entry, key: str) -> str:
    """What the entry's function says of itself."""
    return inspect.getdoc(_function(entry, key)) or ""


@contextmanager
def told(entry: Entry, key: str, *, only_its_own: bool = False) -> Iterator[None]:
    """Turn any failure into OwnCodeFailed; with `only_its_own`, only one that passed through the person's own code."""
    try:
        yield
    except L0GMEdgeError:
        raise
    except (Exception, SystemExit) as error:
        place = _place(error, entry.package)
        if only_its_own and place is None:
            raise
        raise OwnCodeFailed(
            f"{key}: {entry.entry} failed: {type(error).__name__}: {error}",
            where=place,
            todo=f"mend it, or change the arguments beside {key}",
        ) from error


def source_sha256(package: str) -> str:
    """Digest of every .py file of a module or package, so that changed code is seen. Raises OwnCodeFailed."""
    digest, read = hashlib.sha256(package.encode()), 0
    for root in _roots(_spec(package, package)):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            status = path.stat()
            digest.update(path.relative_to(root.parent).as_posix().encode())
            read += status.st_size
            content = path.read_bytes() if read <= MOST_READ else f"{status.st_size} {status.st_mtime_ns}".encode()
            digest.update(content)
    return digest.hexdigest()


def _function(entry: Entry, key: str) -> Callable[..., object]:
    _spec(entry.package, f"{key}: {entry.entry}")
    with told(entry, key):
        try:
            found: object = importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{entry.module}.".startswith(f"{error.name}."):
                raise  # something that the module itself imports
            raise _no_module(entry, key, error.name) from error
        for name in entry.function.split("."):
            if not hasattr(found, name):
                raise _no_attribute(entry, key, found, name)
            found = getattr(found, name)
    if not callable(found):
        raise OwnCodeFailed(f"{key}: {entry.entry} is a {type(found).__name__}", allowed="a function, or a class")
    return found


def _spec(package: str, what: str) -> ModuleSpec:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise OwnCodeFailed(f"{what}: there is no module '{package}'", where="Python's search path", todo=INSTALL)
    return spec


def _roots(spec: ModuleSpec) -> list[Path]:
    """The module's file, or the package's folders."""
    folders = spec.submodule_search_locations
    return [Path(place) for place in (folders if folders is not None else [spec.origin]) if place]


def _no_module(entry: Entry, key: str, missing: str) -> OwnCodeFailed:
    parent = sys.modules.get(missing.rpartition(".")[0])
    known = tuple(sorted(found.name for found in pkgutil.iter_modules(getattr(parent, "__path__", []))))
    hint = nearest(missing.rpartition(".")[2], known)
    return OwnCodeFailed(
        f"{key}: {entry.entry}: there is no module '{missing}'{hint}", allowed=", ".join(known) or None, todo=INSTALL
    )


def _no_attribute(entry: Entry, key: str, holder: object, name: str) -> OwnCodeFailed:
    known = tuple(other for other, value in vars(holder).items() if callable(value) and not other.startswith("_"))
    return OwnCodeFailed(
        f"{key}: {entry.entry}: there is no '{name}'{nearest(name, known)}",
        where=getattr(holder, "__file__", None),
        allowed=", ".join(known) or None,
    )


def _require_fit(function: Callable[..., object], entry: Entry, key: str) -> None:
    """The arguments are ones that the function takes."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in callables have none
        return
    try:
        signature.bind(**entry.arguments)
    except TypeError as error:
        known = tuple(signature.parameters)
        foreign = [name for name in entry.arguments if name not in known]
        unknown = [f"there is no argument '{name}'{nearest(name, known)}" for name in foreign]
        raise OwnCodeFailed(
            f"{key}: {entry.entry}: {'; '.join(unknown) or error}",
            where=f"the arguments beside {key}",
            allowed=f"{entry.function}{signature}",
        ) from error


def _place(error: BaseException, package: str) -> str | None:
    """The last line of a package's own code that an error passed through."""
    try:
        roots = _roots(_spec(package, package))
    except OwnCodeFailed:
        return None
    own = None
    if isinstance(error, SyntaxError) and error.filename:
        own = f"{error.filename}:{error.lineno}"
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if any(Path(file).is_relative_to(root) for root in roots):
            own = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return own
