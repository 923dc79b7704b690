"""Signing a bundle, and whose signature counts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.bundle import signature
from l0gm_edge.bundle.verify import verify
from l0gm_edge.bundle.write import Contents, write
from l0gm_edge.core import environment
from l0gm_edge.core.errors import IntegrityError, MissingExtra, RefusedInput

NOT_ENCRYPTED = NoEncryption()


class Keys:
    """A pair of keys as PEM files."""

    def __init__(self, folder: Path, name: str, seed: int) -> None:
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.private = folder / f"{name}.pem"
        self.public = folder / f"{name}-public.pem"
        self.private.write_bytes(pem(key))
        self.public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.hex = key.public_key().public_bytes_raw().hex()


def pem(key: object, encryption: KeySerializationEncryption = NOT_ENCRYPTED) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined]


@pytest.fixture
def ours(tmp_path: Path) -> Keys:
    return Keys(tmp_path, "ours", 1)


@pytest.fixture
def theirs(tmp_path: Path) -> Keys:
    return Keys(tmp_path, "theirs", 2)


def test_a_signed_bundle_verifies_and_names_its_signer(bundle: Path, ours: Keys) -> None:
    assert verify(bundle).signed_by is None
    made = signature.sign(bundle, ours.private)
    assert made.public_key == ours.hex
    for trusted in (None, ours.public):
        assert verify(bundle, public_key=trusted).signed_by == ours.hex
    # The library's own verification, on the bytes as they lie there.
    key = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key()
    key.verify(bytes.fromhex(made.signature), (bundle / "manifest.json").read_bytes())


def test_the_same_key_and_bundle_give_the_same_signature(contents: Contents, tmp_path: Path, ours: Keys) -> None:
    made = []
    for name in ("one", "two"):
        write(contents, tmp_path / name)
        made.append(signature.sign(tmp_path / name, ours.private))
    assert made[0] == made[1]


def test_only_the_trusted_key_will_do(bundle: Path, ours: Keys, theirs: Keys) -> None:
    with pytest.raises(IntegrityError, match="is not signed"):
        verify(bundle, public_key=ours.public)
    signature.sign(bundle, theirs.private)
    with pytest.raises(IntegrityError, match=f"signed by {theirs.hex}"):
        verify(bundle, public_key=ours.public)
    signature.sign(bundle, ours.private)
    assert verify(bundle, public_key=ours.public).signed_by == ours.hex


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_of_a_signature_goes_unnoticed(bundle: Path, ours: Keys, data: st.DataObject) -> None:
    signature.sign(bundle, ours.private)
    path = bundle / "signature.json"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1), label="offset")] ^= 1 << data.draw(
        st.integers(0, 7), label="bit"
    )
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        signature.signer(bundle)


def of_another_bundle(bundle: Path, contents: Contents, keys: Keys) -> None:
    other = bundle.with_name("other")
    write(Contents(**{**vars(contents), "name": "other"}), other)
    signature.sign(other, keys.private)
    shutil.copy(other / "signature.json", bundle)


def with_our_key_written_over(bundle: Path, contents: Contents, keys: Keys) -> None:
    """Somebody signs, then claims that it was us."""
    forger = Keys(bundle.parent, "forger", 3)
    made = signature.sign(bundle, forger.private)
    (bundle / "signature.json").write_text(made.model_copy(update={"public_key": keys.hex}).text())


def as_a_link(bundle: Path, contents: Contents, keys: Keys) -> None:
    signature.sign(bundle, keys.private)
    (bundle / "signature.json").rename(bundle.parent / "elsewhere.json")
    (bundle / "signature.json").symlink_to(bundle.parent / "elsewhere.json")


def huge(bundle: Path, contents: Contents, keys: Keys) -> None:
    with (bundle / "signature.json").open("wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("forge", [of_another_bundle, with_our_key_written_over, as_a_link, huge])
def test_forgeries_are_refused(
    forge: Callable[[Path, Contents, Keys], None], bundle: Path, contents: Contents, ours: Keys
) -> None:
    forge(bundle, contents, ours)
    for trusted in (None, ours.public):
        with pytest.raises(IntegrityError):
            verify(bundle, public_key=trusted)


def test_a_damaged_bundle_is_not_signed(bundle: Path, ours: Keys) -> None:
    (bundle / "report.md").write_text("# Better\n")
    with pytest.raises(IntegrityError, match=r"report\.md"):
        signature.sign(bundle, ours.private)
    assert not (bundle / "signature.json").exists()


def other_curve() -> bytes:
    return pem(generate_private_key(SECP256R1()))


def encrypted() -> bytes:
    return pem(Ed25519PrivateKey.from_private_bytes(bytes(32)), BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"", "there is no private key in this file"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "there is no private key"),
        (other_curve, "another kind"),
        (encrypted, "the key is encrypted"),
    ],
)
def test_a_private_key_that_cannot_sign_is_told(
    content: Callable[[], bytes], words: str, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(content())
    with pytest.raises(RefusedInput, match=words) as refused:
        signature.sign(bundle, tmp_path / "key.pem")
    assert "openssl" in str(refused.value)
    assert not (bundle / "signature.json").exists()


def test_a_public_key_that_is_none_is_told(bundle: Path, ours: Keys, tmp_path: Path) -> None:
    signature.sign(bundle, ours.private)
    with pytest.raises(RefusedInput, match="there is no public key in this file") as refused:
        verify(bundle, public_key=ours.private)
    assert "-pubout" in str(refused.value)
    with pytest.raises(RefusedInput, match="cannot read the key: No such file"):
        verify(bundle, public_key=tmp_path / "none.pem")
    (tmp_path / "other.pem").write_bytes(
        generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(RefusedInput, match="another kind"):
        verify(bundle, public_key=tmp_path / "other.pem")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_agrees(bundle: Path, tmp_path: Path) -> None:
    """Keys made as the error messages say, and the signature checked by another program."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    for command in (signature.MAKE_PRIVATE, signature.MAKE_PUBLIC):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    made = signature.sign(bundle, private)
    assert verify(bundle, public_key=public).signed_by == made.public_key
    (tmp_path / "raw.sig").write_bytes(bytes.fromhex(made.signature))
    check = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        public,
        "-rawin",
        "-sigfile",
        tmp_path / "raw.sig",
        "-in",
    ]
    assert subprocess.run([*check, bundle / "manifest.json"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*check, bundle / "consume.py"], capture_output=True, check=False).returncode != 0


def test_without_the_library_a_signature_is_never_taken_on_trust(
    bundle: Path, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature.sign(bundle, ours.private)
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    for trusted in (None, ours.public):
        with pytest.raises(MissingExtra, match=r"l0gm-edge\[bundle\]"):
            verify(bundle, public_key=trusted)
    (bundle / "signature.json").unlink()
    assert verify(bundle).signed_by is None
