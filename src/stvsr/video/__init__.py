"""Files of frames: what a film is, its frames in, its frames out, and where it cuts."""

from stvsr.video.info import VideoInfo
from stvsr.video.probe import probe
from stvsr.video.reader import VideoReader, read_frames
from stvsr.video.shots import mark_shots
from stvsr.video.writer import VideoWriter, WriteSettings

__all__ = ["VideoInfo", "VideoReader", "VideoWriter", "WriteSettings", "mark_shots", "probe", "read_frames"]
