"""Finished films as answers, whole or in ranges."""

from typing import Annotated, Literal

from fastapi import Path
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from stvsr.errors import JobError, NoSuchJobError
from stvsr.queue import Job, Queue, State

FILM = {"type": "string", "format": "binary"}
FILMS = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="A job's id.")]


def finished(queue: Queue, id: str) -> Job:
    """A job with its film. Raises JobError where it is not done, NoSuchJobError where its film is gone."""
    job = queue.job(id)
    if job.state is not State.DONE:
        raise JobError(f"Job {id} is {job.state}; only a job that is done has a result.")
    if not job.target.exists():
        raise NoSuchJobError(f"The result of job {id} is no longer on the disk. Submit the film again.")
    return job


def film_of(job: Job, shown: Literal["attachment", "inline"] = "attachment") -> FileResponse:
    """A finished film, named after the one that came in."""
    ending = job.target.suffix
    name = f"{job.name.removesuffix(job.source.suffix)}.enhanced{ending}"
    return RangedFile(job.target, media_type=FILMS[ending], filename=name, content_disposition_type=shown)


class RangedFile(FileResponse):
    """A file; a range that it does not have is refused in the service's own words."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                raise HTTPException(message["status"], "The header Range asks for what the film does not have")
            await send(message)

        await super().__call__(scope, receive, watched)
