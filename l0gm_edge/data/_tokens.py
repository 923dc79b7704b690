"""Text as token ids: a WordPiece vocabulary learnt from training texts, the same on every machine.

Ids are kept in the cache folder, because 50 000 reviews take a quarter of a minute; where it cannot be written, they
are made anew each time.
"""

from __future__ import annotations

import hashlib
import os
import re
import string
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from l0gm_edge.core import arrays, environment, store
from l0gm_edge.core.dataset import Tokens
from l0gm_edge.core.value import Value

PADDING, UNKNOWN = 0, 1
CHARACTERS = sorted({*string.printable.lower()} - {*string.whitespace})
SPECIAL = ("[PAD]", "[UNK]")
INSIDE = "##"
"""Marks a piece that goes on a word."""
WORD = re.compile(r"[a-z0-9]+|[!-~]")
TYPEWRITER = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "–": "-"})


class Reading(Value):
    """How texts become rows of `head + tail` ids below `vocabulary`: a longer one loses its middle."""

    vocabulary: int
    head: int
    tail: int

    @property
    def length(self) -> int:
        """Ids a row."""
        return self.head + self.tail


def words(text: str) -> list[str]:
    """Lower-case ASCII words and single marks; accents are dropped, and typographic marks become plain ones."""
    plain = unicodedata.normalize("NFKD", text.translate(TYPEWRITER)).lower()
    return WORD.findall(plain.encode("ascii", "ignore").decode())


def learn(texts: Iterable[str], size: int) -> Mapping[str, int]:
    """At most `size` word pieces and their ids, the most useful in these texts (Schuster and Nakajima 2012).

    Every character is a piece, so only a word of more than 100 characters is unknown. All of them are handed in, in
    order: the trainer numbers those that it finds itself in the order of a hash table, and settles draws by number.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    given = [*SPECIAL, *CHARACTERS, *(INSIDE + one for one in CHARACTERS)]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=given, show_progress=False)
    tokenizer.train_from_iterator((" ".join(words(text)) for text in texts), trainer)
    return dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))


def encode(texts: Sequence[str], vocabulary: Mapping[str, int], reading: Reading) -> Tokens:
    """Ids (n, head + tail), each word in the longest pieces there are from its start, PADDING after the end."""
    from tokenizers import models

    model = models.WordPiece(dict(vocabulary), unk_token=SPECIAL[UNKNOWN])
    pieces: dict[str, list[int]] = {}
    rows = np.full((len(texts), reading.length), PADDING, np.int64)
    for row, text in zip(rows, texts, strict=True):
        found = words(text)
        for word in found:
            if word not in pieces:
                pieces[word] = [token.id for token in model.tokenize(word)]
        ids = list(chain.from_iterable(map(pieces.__getitem__, found)))
        if len(ids) > len(row):
            ids = ids[: reading.head] + ids[len(ids) - reading.tail :]
        row[: len(ids)] = ids
    return rows


def tokens(texts: Sequence[str], training: Sequence[str], reading: Reading) -> Tokens:
    """Ids (n, head + tail) of `texts` by a vocabulary learnt from `training`, from the cache when they are there.

    Raises MissingExtra when the package tokenizers is not installed.
    """
    environment.require("tokenizers", "data", "reading text")
    kept = cache_folder() / f"{_key(texts, training, reading)}.npz"
    with suppress(OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):  # not there, or damaged
        return arrays.read(kept)["tokens"].astype(np.int64)
    made = encode(texts, learn(training, reading.vocabulary), reading)
    with suppress(OSError):  # it is only a cache
        store.write_bytes(kept, arrays.packed({"tokens": made.astype(np.uint16)}))
    return made


def cache_folder() -> Path:
    """Where token ids are kept: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "l0gm-edge" / "tokens"


def _key(texts: Sequence[str], training: Sequence[str], reading: Reading) -> str:
    """Digest of all that ids follow from: the texts, the settings, this code and its tokenizer's version."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(f"{reading.model_dump_json()} {environment.installed_version('tokenizers')}".encode())
    for part in (texts, training):
        for text in part:
            digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:32]
