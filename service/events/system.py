"""Events about the service itself."""

from service.access.policy import Permission
from service.events.event import RecordEvent
from service.models.shapes import JobRead


class JobFinished(RecordEvent):
    """A job ended: its `state` is succeeded, failed or canceled."""

    type = "job.finished"
    permission = Permission.JOB_READ
    record = JobRead
