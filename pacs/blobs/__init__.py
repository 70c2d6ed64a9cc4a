"""De-identified objects as files named by their SHA-256: ``blobs/<collection>/ab/cd/<digest>.dcm``.

A blob is written before its row and deleted after it. It knows no database and no DICOM.
"""

from pacs.blobs.local import LocalBlobs, Written

__all__ = ["LocalBlobs", "Written"]
