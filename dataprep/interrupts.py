"""Letting Ctrl-C and SIGTERM end a query of the SQL engine.

Python handles a signal when its main thread runs Python again. While that thread waits for the engine's own threads it
does not, and a query over hundreds of millions of rows would go on to its end. So a small thread listens to the pipe
that the interpreter writes signals to at once (`signal.set_wakeup_fd`) and tells the engine to stop.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def interruptible(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Stop the queries of a connection when a signal that ends the process comes.

    In a thread that gets no signals, and where somebody else listens (an event loop), nothing is done.

    Raises:
        KeyboardInterrupt: a query was stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            yield
            return
        listener = threading.Thread(target=_listen, args=(ours, con), name="interrupts", daemon=True)
        listener.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except RuntimeError as error:  # what the engine makes of Ctrl-C where it looks for signals itself
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error
            raise
        finally:
            signal.set_wakeup_fd(before)
            theirs.close()
            listener.join()


def _listen(pipe: socket.socket, con: duckdb.DuckDBPyConnection) -> None:
    while numbers := pipe.recv(64):
        if _ENDING.intersection(numbers):
            con.interrupt()
