"""Work apart from requests. Example::

def close_old(run: JobRun) -> None:
    with run.session() as session:
        ...
        run.progress(done, total)

@hookimpl
def crm_jobs():
    return [Job("visits.close_old", "Close old visits", close_old, "30 2 * * *", time_limit=600)]
"""

from __future__ import annotations

from core.contract import Job, JobRun

__all__ = ["Job", "JobRun"]
