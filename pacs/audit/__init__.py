"""What became of every accepted object (receipts), and who did what (the trail). Neither holds an original value."""

from pacs.audit.receipts import Receipts
from pacs.audit.trail import Trail

__all__ = ["Receipts", "Trail"]
