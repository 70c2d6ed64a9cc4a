"""What people do with what came in: release, status and tracing, the quarantine, and looking after the archive."""
