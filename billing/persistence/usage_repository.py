"""Usage events, counters, the file registry and what could not be taken on PostgreSQL."""

from __future__ import annotations

from billing.persistence.balance_reading import SqlBalanceReading
from billing.persistence.usage_archiving import SqlUsageArchiving
from billing.persistence.usage_correcting import SqlUsageCorrecting
from billing.persistence.usage_counting import SqlUsageCounting
from billing.persistence.usage_files import SqlUsageFiles
from billing.persistence.usage_intake import SqlUsageIntake
from billing.persistence.usage_keeping import SqlUsageKeeping
from billing.persistence.usage_lookup import SqlUsageLookup
from billing.persistence.usage_marks import SqlUsageMarks
from billing.persistence.usage_outbox import SqlUsageOutbox
from billing.persistence.usage_reading import SqlUsageReading
from billing.persistence.usage_resent import SqlUsageResent
from billing.persistence.usage_sessions import SqlUsageSessions
from billing.persistence.usage_streams import SqlUsageStreams
from billing.persistence.usage_waiting import SqlUsageWaiting


class SqlUsageRepository(
    SqlUsageArchiving,
    SqlUsageCorrecting,
    SqlUsageResent,
    SqlUsageReading,
    SqlUsageLookup,
    SqlBalanceReading,
    SqlUsageMarks,
    SqlUsageIntake,
    SqlUsageCounting,
    SqlUsageOutbox,
    SqlUsageFiles,
    SqlUsageKeeping,
    SqlUsageSessions,
    SqlUsageStreams,
    SqlUsageWaiting,
):
    """Usage events, counters, the file registry and what could not be taken."""
