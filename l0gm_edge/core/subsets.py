"""How good a model is when only some of its modalities are given."""

from __future__ import annotations

from l0gm_edge.core.value import Value


class Partial(Value):
    """A torch model's figures on the test split, in 0..1; `ece_scaled` is after the temperature that was fitted on
    validation with every modality there, because an app has no other."""

    accuracy: float
    ece: float
    ece_scaled: float


class Given(Value):
    """Both models where these modalities alone are given, the others missing."""

    modalities: tuple[str, ...]
    dense: Partial
    compressed: Partial


class Subsets(Value):
    """Every subset that was tried, all modalities last; none for a single modality."""

    given: tuple[Given, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All modalities."""
        return self.given[-1].modalities if self.given else ()

    @property
    def one_missing(self) -> tuple[Given, ...]:
        """The subsets that lack exactly one modality."""
        return tuple(one for one in self.given if len(one.modalities) == len(self.names) - 1)

    def missing(self, one: Given) -> tuple[str, ...]:
        """The modalities that a subset lacks."""
        return tuple(name for name in self.names if name not in one.modalities)
