"""Which class holds the fitted model of each kind."""

from services.trainer.core.baselines import ReferenceModel, SeasonalModel
from services.trainer.core.linear.model import LinearModel
from services.trainer.core.model import Model
from services.trainer.core.svr.kernels import JointKernelModel, KernelModel
from shared.contracts.kinds import NEURAL, Kind

CLASSICAL: dict[Kind, type[Model]] = {
    model.kind: model for model in (KernelModel, JointKernelModel, LinearModel, ReferenceModel, SeasonalModel)
}


def model_class(kind: Kind) -> type[Model]:
    """Return the class that rebuilds a stored model."""
    if kind not in NEURAL:
        return CLASSICAL[kind]
    # The only kinds that need keras, which takes seconds to import.
    from services.trainer.core.networks.fit import NEURAL_MODELS

    return NEURAL_MODELS[kind]
