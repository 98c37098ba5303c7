"""Which class holds the fitted model of each kind."""

from services.trainer.core.linear_model import LinearModel
from services.trainer.core.model import Model
from shared.contracts.kinds import NEURAL, Kind


def model_class(kind: Kind) -> type[Model]:
    """Return the class that rebuilds a stored model."""
    if kind in NEURAL:
        # The only kinds that need keras, which takes seconds to import.
        from services.trainer.core.neural import NEURAL_MODELS

        return NEURAL_MODELS[kind]
    classical: dict[Kind, type[Model]] = {"lin": LinearModel}
    return classical[kind]
