"""Every kind of job that workers run. A new kind is a file with its step, and a line here."""

from __future__ import annotations

from service.jobs.reclassify import Reclassify
from service.jobs.replay import Replay
from service.jobs.work import Kind

KINDS: tuple[Kind, ...] = (Reclassify(), Replay())
