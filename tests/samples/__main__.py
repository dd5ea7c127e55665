"""Writes the sample files into a directory: ``python -m tests.samples DIRECTORY``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.samples import broadworks_samples as xml
from tests.samples import charging_samples as cdr
from tests.samples import tap3_samples as tap


def sample_files() -> Mapping[str, bytes]:
    """The content of each sample by its file name."""
    parts = [cdr.session(order=1, cause=cdr.VOLUME_LIMIT, chargingID=4712), cdr.session(order=2, chargingID=4712)]
    packet = [cdr.session(), cdr.serving_gateway_session(), *parts]
    circuit = [cdr.call(), cdr.message()]
    return {
        "roaming.tap": tap.batch(tap.all_kinds()),
        "roaming_notification.tap": tap.notification(),
        "roaming_fraud.nrt": tap.fraud_file(),
        "packet_with_headers.dat": cdr.framed_file(*map(cdr.encoded, packet)),
        "circuit_bare.dat": cdr.bare_file(*map(cdr.encoded, circuit), filler=b"\xff" * 4),
        "broadworks.xml": xml.whole_file(xml.call(1), xml.call(2, answerIndicator="No", answerTime=None)),
    }


def main(directory: Path) -> None:
    """Write them all."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in sample_files().items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
