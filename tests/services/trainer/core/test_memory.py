"""A fit that cannot fit into memory is refused before it starts."""

import pytest

from services.trainer.core.memory import fit_bytes, fit_size, require_memory
from services.trainer.core.networks.kind import n_values
from services.trainer.core.problems import ModelTooLarge
from shared.contracts.kinds import (
    ArLstmSpec,
    CnnSpec,
    DenseSpec,
    LinearSpec,
    LstmSpec,
    ModelSpec,
    SvrMimoSpec,
)
from tests.support.forecasting import small_dataset

EVERY: list[ModelSpec] = [DenseSpec(), CnnSpec(), LstmSpec(), ArLstmSpec(), LinearSpec(), SvrMimoSpec()]


@pytest.mark.parametrize("spec", EVERY, ids=lambda spec: spec.kind)
def test_more_windows_need_more_memory(spec: ModelSpec) -> None:
    layout = small_dataset(200).layout

    few, many = (fit_bytes(spec, layout, n, n // 4) for n in (1_000, 100_000))

    assert many > few > 0


def test_the_samples_themselves_are_counted() -> None:
    layout = small_dataset(200).layout
    n_values = layout.input_steps * len(layout.inputs) + layout.output_steps * len(layout.outputs)

    assert fit_bytes(DenseSpec(), layout, 10_000, 0) >= 10_000 * n_values * 4


def test_a_model_beyond_the_limit_says_what_it_needs_and_what_there_is() -> None:
    layout = small_dataset(200).layout
    spec = DenseSpec(layers=(2048,) * 10)

    with pytest.raises(ModelTooLarge) as caught:
        require_memory(spec, layout, 1_000, 100, available_bytes=2**26)

    assert caught.value.details["available_mib"] == 64
    assert caught.value.suggestions


@pytest.mark.keras
@pytest.mark.parametrize(
    "spec",
    [DenseSpec(layers=(16, 8)), CnnSpec(layers=(16, 8)), LstmSpec(layers=(16, 8))],
    ids=lambda s: s.kind,
)
def test_weights_are_counted_as_the_network_has_them(spec: DenseSpec | CnnSpec | LstmSpec) -> None:
    from services.trainer.core.networks.architectures import build

    layout = small_dataset(200).layout

    counted, _ = n_values(spec, fit_size(layout, 0, 0))

    actual = sum(weight.numpy().size for weight in build(spec, layout).trainable_weights)
    assert 0.9 * actual < counted < 1.3 * actual
