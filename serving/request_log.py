"""One line of JSON a request, and nothing of what was asked in it.

Tracebacks carry values, and values can be personal: what goes wrong is logged as the error's class
and the place in the code.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

SERVICE_LOGGER = "siterisk"
# BentoML logs each refused request with a traceback and its values; its access lines repeat ours.
SILENCED = ("bentoml._internal.server.http_app", "bentoml.access", "uvicorn.access", "uvicorn.error")


def configure_logging(stream: TextIO | None = None) -> None:
    """Write the logs of this process as JSON lines to `stream`, standard error unless told."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_without_traceback, *_stamps()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    # Opened by its number: UTF-8 whatever the locale says, and never closed under us.
    handler = logging.StreamHandler(stream or open(2, "w", closefd=False, encoding="utf-8"))  # noqa: SIM115
    handler.setFormatter(formatter)
    for name in (SERVICE_LOGGER, "bentoml", "circus", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
    logging.getLogger(SERVICE_LOGGER).setLevel(logging.INFO)
    logging.getLogger("bentoml").setLevel(logging.WARNING)
    for name in SILENCED:
        logging.getLogger(name).disabled = True
    root = logging.getLogger()
    root.handlers = [*(h for h in root.handlers if type(h) is not logging.StreamHandler), handler]


def request_log() -> Any:
    """The logger of the service; `configure_logging` says where its lines go."""
    return structlog.wrap_logger(
        logging.getLogger(SERVICE_LOGGER),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[*_stamps(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    )


def fault_of(error: BaseException) -> dict[str, str]:
    """The class of an error and where it was raised: enough to find it, nothing of what it held.

    >>> fault_of(ValueError("310101199001011234"))
    {'fault': 'ValueError', 'where': ''}
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return {"fault": type(error).__name__, "where": where}


def _stamps() -> list[Any]:
    return [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]


def _without_traceback(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line of another library, its traceback replaced by the fault."""
    record = event.get("_record")
    event["logger"] = record.name if record else ""
    error = record.exc_info[1] if record and record.exc_info else None
    event.pop("exc_info", None)
    if record:
        record.exc_info = record.exc_text = None
    return {**event, **fault_of(error)} if error else event
