"""Signing a bundle with Ed25519, and telling whose key signed it.

The signature is over the manifest's bytes, and so over every file's digest. Its own file names the public key: damage
is always told, forgery only against a key from a trusted place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError

from l0gm_edge.bundle import integrity
from l0gm_edge.bundle.manifest import MANIFEST, SIGNATURE
from l0gm_edge.core import environment, store
from l0gm_edge.core.errors import IntegrityError, RefusedInput
from l0gm_edge.core.value import Value

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LARGEST_BYTES = 4096
MAKE_PRIVATE = "openssl genpkey -algorithm ed25519 -out private.pem"
MAKE_PUBLIC = "openssl pkey -in private.pem -pubout -out public.pem"


class Signature(Value):
    """What `signature.json` holds; key and signature are raw bytes in hex."""

    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]

    def text(self) -> str:
        """The file, byte for byte."""
        return self.model_dump_json(indent=2) + "\n"


def sign(folder: Path, private_key: Path) -> Signature:
    """Sign a bundle that is intact; an older signature is replaced.

    Raises RefusedInput for a folder or key that cannot be used, IntegrityError, MissingExtra, StorageFailed.
    """
    key = read_private_key(private_key)
    integrity.require_intact(folder, integrity.read(folder))
    made = Signature(
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign((folder / MANIFEST).read_bytes()).hex(),
    )
    with store.storage_errors(folder):
        store.write_text(folder / SIGNATURE, made.text())
    return made


def signer(folder: Path, public_key: Path | None = None) -> str | None:
    """The public key, in hex, that signed a bundle, or None when nobody did.

    Raises IntegrityError when the signature is not one of this manifest, or there is none by the `public_key` given;
    RefusedInput when that key cannot be used, MissingExtra.
    """
    trusted = _read_public_key(public_key).public_bytes_raw().hex() if public_key else None
    path = folder / SIGNATURE
    if not path.is_file() and not path.is_symlink():
        if trusted:
            raise IntegrityError("the bundle is not signed", where=str(folder), allowed=f"signed by {trusted}")
        return None
    found = _read(path)
    if trusted not in (None, found.public_key):
        raise IntegrityError(f"the bundle is signed by {found.public_key}", where=str(path), allowed=str(trusted))
    _require_valid(found, path)
    return found.public_key


def _read(path: Path) -> Signature:
    if path.is_symlink() or path.stat().st_size > LARGEST_BYTES:
        raise IntegrityError("the signature is a link or larger than 4 KiB", where=str(path))
    content = path.read_bytes()
    try:
        found = Signature.model_validate_json(content)
    except ValidationError as error:
        raise IntegrityError("the signature file was changed after it was written", where=str(path)) from error
    if found.text().encode() != content:
        raise IntegrityError("the signature file was changed after it was written", where=str(path))
    return found


def _require_valid(found: Signature, path: Path) -> None:
    _require_installed()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public_key))
    try:
        key.verify(bytes.fromhex(found.signature), path.with_name(MANIFEST).read_bytes())
    except InvalidSignature as error:
        raise IntegrityError("the signature is not one of this manifest", where=str(path)) from error


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """A private key from PEM. Raises RefusedInput when it is none that signs, MissingExtra."""
    _require_installed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_content(path), password=None)
    except TypeError as error:
        raise _refused(path, "the key is encrypted", "private", "openssl pkey -in KEY -out private.pem") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused(path, "there is no private key in this file", "private", MAKE_PRIVATE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(path, f"this key is of another kind: {type(key).__name__}", "private", MAKE_PRIVATE)
    return key


def _read_public_key(path: Path) -> Ed25519PublicKey:
    _require_installed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_content(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused(path, "there is no public key in this file", "public", MAKE_PUBLIC) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _refused(path, f"this key is of another kind: {type(key).__name__}", "public", MAKE_PUBLIC)
    return key


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedInput(f"cannot read the key: {error.strerror}", where=str(path)) from error


def _refused(path: Path, what: str, kind: str, todo: str) -> RefusedInput:
    return RefusedInput(what, where=str(path), allowed=f"an Ed25519 {kind} key as PEM, not encrypted", todo=todo)


def _require_installed() -> None:
    environment.require("cryptography", "bundle", "a bundle's signature")
