"""What is sent and what comes back: the names are an interface, and OpenAPI documents them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from stvsr.queue import Job, Order, State
from stvsr.queue.child import progress
from stvsr.service.refusals import Reason


class FilmInFolder(Order):
    """A film on the service's own disk, and what to make of it."""

    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="Absolute: a video file or a folder of pictures, inside a folder that the service may read.",
        ),
    ]


class UploadedFilm(Order):
    """What to make of the film in the request's body."""

    name: Annotated[
        str, Field(min_length=1, max_length=255, description="The file's name; its ending tells the container.")
    ]


class JobFacts(BaseModel):
    """A job."""

    id: str
    number: Annotated[int, Field(description="Its place in line; ascends with time.")]
    name: str
    origin: Literal["upload", "path"]
    order: Annotated[Order, Field(description="What was asked for.")]
    state: State
    cancelling: Annotated[bool, Field(description="Whether its end was asked for.")]
    created: datetime
    started: Annotated[datetime | None, Field(description="When it was last taken up.")]
    finished: datetime | None
    progress: Annotated[
        dict[str, Any] | None,
        Field(description="While it runs: `frames_out`, `frames_expected`, `seconds`, `bottleneck`, as far as known."),
    ]
    error: Annotated[Reason | None, Field(description="Why it failed.")]
    result: Annotated[
        dict[str, Any] | None, Field(description="What `stvsr enhance --json` printed: docs/cli.md has the names.")
    ]

    @classmethod
    def of(cls, job: Job) -> "JobFacts":
        return cls(
            id=job.id,
            number=job.number,
            name=job.name,
            origin="upload" if job.uploaded else "path",
            order=Order(**job.order.model_dump()),
            state=job.state,
            cancelling=job.cancelling,
            created=datetime.fromisoformat(job.created),
            started=None if job.started is None else datetime.fromisoformat(job.started),
            finished=None if job.finished is None else datetime.fromisoformat(job.finished),
            progress=progress(job) if job.state is State.RUNNING else None,
            error=None if job.error is None else Reason(**job.error),
            result=None if job.result is None else dict(job.result),
        )


class JobList(BaseModel):
    """A page of jobs, the newest first."""

    jobs: list[JobFacts]
    next: Annotated[int | None, Field(description="Give it as `before` for the page after this one; null at the end.")]


class Health(BaseModel):
    """The service answers."""

    ok: bool
