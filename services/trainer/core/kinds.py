"""The registry of model kinds: each is one value, defined in its own folder."""

from typing import Any, assert_never

from services.trainer.core.baselines import LAST_VALUE, SEASONAL_NAIVE
from services.trainer.core.boost.kind import BOOST
from services.trainer.core.linear.kind import LINEAR
from services.trainer.core.model_kind import ModelKind
from services.trainer.core.networks.kind import AR_LSTM, CNN, DENSE, LSTM
from services.trainer.core.slots.kind import SLOTS
from services.trainer.core.svr.kind import SVR_DIRECT, SVR_MIMO
from shared.contracts.kinds import KINDS as NAMES
from shared.contracts.kinds import (
    MODEL_SPEC,
    ArLstmSpec,
    BoostSpec,
    CnnSpec,
    DenseSpec,
    Kind,
    LastValueSpec,
    LinearSpec,
    LstmSpec,
    ModelSpec,
    SeasonalNaiveSpec,
    SlotsSpec,
    SvrDirectSpec,
    SvrMimoSpec,
)


def kind_of(spec: ModelSpec) -> ModelKind[Any, Any]:
    """Return the kind a spec belongs to; one that is missing here is an error of the type checker."""
    match spec:
        case DenseSpec():
            return DENSE
        case CnnSpec():
            return CNN
        case LstmSpec():
            return LSTM
        case ArLstmSpec():
            return AR_LSTM
        case SvrDirectSpec():
            return SVR_DIRECT
        case SvrMimoSpec():
            return SVR_MIMO
        case LinearSpec():
            return LINEAR
        case SlotsSpec():
            return SLOTS
        case BoostSpec():
            return BOOST
        case LastValueSpec():
            return LAST_VALUE
        case SeasonalNaiveSpec():
            return SEASONAL_NAIVE
        case _:
            assert_never(spec)


KINDS: dict[Kind, ModelKind[Any, Any]] = {
    name: kind_of(MODEL_SPEC.validate_python({"kind": name})) for name in NAMES
}
