"""Too little memory, in Python's own word for it, whatever the backend calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

SIGNS = ("OOM when allocating", "RESOURCE_EXHAUSTED", "Out of memory")  # TensorFlow, XLA


def backend_errors() -> tuple[type[Exception], ...]:
    """Return what the backend raises when it cannot allocate, among other things."""
    match keras.backend.backend():
        case "tensorflow":
            from tensorflow.errors import OpError

            return (OpError,)
        case "jax":
            from jax.errors import JaxRuntimeError

            return (JaxRuntimeError,)
    return ()


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise ``MemoryError`` where the backend says that it has no memory left."""
    try:
        yield
    except backend_errors() as error:
        if any(sign in str(error) for sign in SIGNS):
            raise MemoryError(str(error).partition("\n")[0]) from error
        raise
