"""Putting messages together from PDVs; the data set of a C-STORE goes to disk as it arrives. PS3.8 Annex E."""

import contextlib
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from pacs.dicom.fileformat import file_start
from pacs.dimse.messages import AFFECTED_SOP_CLASS, AFFECTED_SOP_UID, Command, Field, Message, parse_command
from pacs.errors import NotDicom

MAX_COMMAND_BYTES = 1 << 16
MAX_IDENTIFIER_BYTES = 1 << 24  # a C-MOVE of 65535 UIDs has 4 MB


class Context(Protocol):
    """What is needed of an accepted presentation context."""

    @property
    def transfer_syntax(self) -> Sequence[str]:
        """One UID."""


class MessageReader:
    """The message that an association is receiving.

    Data sets of C-STORE requests become PS3.10 files in `folder`, which lies inside the wall; `discard` removes a
    half-received one. Everything else is kept in memory, bounded.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.command = bytearray()
        self.message: Message | None = None
        self.data = bytearray()
        self.file: int | None = None

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing of a next message has arrived."""
        return self.message is None and not self.command

    def read(self, body: memoryview, contexts: Mapping[int, Context]) -> Iterator[Message]:
        """The messages that end in this P-DATA-TF. Raises `NotDicom` for PDVs that make no sense."""
        position, size = 0, len(body)
        if not size:
            raise NotDicom("a P-DATA-TF without a PDV")
        while position < size:
            if size - position < 6:
                raise NotDicom("a PDV header is cut")
            length, context_id, control = struct.unpack_from(">IBB", body, position)
            end = position + 4 + length
            if length < 2 or end > size:
                raise NotDicom("a PDV runs past its PDU")
            if context_id not in contexts:
                raise NotDicom("a PDV for a presentation context that was not accepted")
            piece = body[position + 6 : end]
            done = self.take(context_id, control, piece, contexts[context_id])
            if done is not None:
                yield done
            position = end

    def take(self, context_id: int, control: int, piece: memoryview, context: Context) -> Message | None:
        """One fragment; the message when it was the last. Bit 0 of `control`: command; bit 1: last. PS3.8 E.2."""
        if control & 1:
            return self.take_command(context_id, piece, context, is_last=bool(control & 2))
        if self.message is None or self.message.context_id != context_id:
            raise NotDicom("a data set without its command")
        self.write(piece)
        return self.finish() if control & 2 else None

    def take_command(self, context_id: int, piece: memoryview, context: Context, *, is_last: bool) -> Message | None:
        """A fragment of a command set; the whole message when it has no data set."""
        if self.message is not None or len(self.command) + len(piece) > MAX_COMMAND_BYTES:
            raise NotDicom("a command inside a data set, or one without end")
        self.command += piece
        if not is_last:
            return None
        command = parse_command(bytes(self.command))
        self.command.clear()
        self.message = Message(context_id, command)
        if not command.has_data_set:
            return self.finish()
        if command.field == Field.C_STORE_RQ and self.folder is not None:
            self.open(self.message, command, context.transfer_syntax[0], self.folder)
        return None

    def open(self, message: Message, command: Command, transfer_syntax_uid: str, folder: Path) -> None:
        """Begin a file with fresh file meta information. A full disk fails the object, not the association."""
        start = file_start(command.text(AFFECTED_SOP_CLASS), command.text(AFFECTED_SOP_UID), str(transfer_syntax_uid))
        path = folder / f"{os.getpid()}.{token_hex(8)}.part"  # the process id lets the spool sweep what a dead one left
        message.file = path
        try:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            write_all(self.file, start)
        except OSError as error:
            self.fail(message, error)

    def write(self, piece: memoryview) -> None:
        """Add to the data set."""
        message = self.message
        assert message is not None
        message.size_bytes += len(piece)
        if self.file is not None:
            try:
                write_all(self.file, piece)
            except OSError as error:
                self.fail(message, error)
        elif message.failure is None:
            if message.size_bytes > MAX_IDENTIFIER_BYTES:
                raise NotDicom("an identifier without end")
            self.data += piece

    def fail(self, message: Message, error: OSError) -> None:
        """Remember why the object cannot be taken; the rest of it is read and dropped."""
        message.failure = error
        self.close_file()
        self.remove(message)

    def finish(self) -> Message:
        """Hand out the message and be ready for the next."""
        message = self.message
        assert message is not None
        self.close_file()
        if self.data:
            message.data = bytes(self.data)
            self.data.clear()
        self.message = None
        return message

    def discard(self) -> None:
        """Forget a message that will never be whole, its file included."""
        self.close_file()
        self.command.clear()
        self.data.clear()
        if self.message is not None:
            self.remove(self.message)
            self.message = None

    def close_file(self) -> None:
        """Close the file, if one is open."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                os.close(self.file)
            self.file = None

    def remove(self, message: Message) -> None:
        """Delete the message's file, if there is one."""
        if message.file is not None:
            message.file.unlink(missing_ok=True)
            message.file = None


def write_all(file: int, data: memoryview | bytes) -> None:
    """Write every byte. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
