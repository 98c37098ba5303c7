"""The child process beside its tasks."""

import io
import os
import threading

from services.trainer.child.main import Reports, load_libraries


def test_libraries_are_loaded_at_the_priority_of_the_tasks_that_wait_for_them() -> None:
    pipe, told = io.StringIO(), list[int]()

    def load() -> None:
        own = threading.get_native_id()
        told.append(os.getpriority(os.PRIO_PROCESS, own))
        load_libraries((), Reports(pipe))
        told.append(os.getpriority(os.PRIO_PROCESS, own))

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()

    assert told[0] == told[1]
    assert "ready" in pipe.getvalue().lower()
