"""What the formats say of the source of a run."""

from dataclasses import dataclass

from rpn2t.video.frames import Source


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """The source of a run, as run.json has it under ``source``.

    Attributes:
        name: short, fit for a folder's name.
        width, height: of its frames, in pixels.
        length: how many frames it has by what it says; None if it does not say.
        fps: frames a second.
        files: the image file of each frame, or none; see :class:`rpn2t.video.frames.Source`.
    """

    name: str
    width: int
    height: int
    length: int | None
    fps: float
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source) -> "SourceInfo":
        """What is known of a source of which a frame was read."""
        assert source.size is not None, "no frame was read"
        width, height = source.size
        return cls(
            name=source.name,
            width=width,
            height=height,
            length=source.length,
            fps=float(source.fps),
            files=source.files,
        )

    def frame_count(self, last: int) -> int:
        """How many frames it has, and at least those up to frame `last`, which was tracked."""
        return max(self.length or 0, last + 1)

    def file_of(self, frame: int) -> str:
        """The image file of a frame. A video has none: then it is the name that `rpn2t frame` gives."""
        return self.files[frame] if frame < len(self.files) else f"{self.name}_{frame:06d}.png"
