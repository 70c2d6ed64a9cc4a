CREATE TABLE "trash" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "collection_id" INTEGER NOT NULL, "study_uid" TEXT NOT NULL, "series_uid" TEXT NOT NULL, "sop_uid" TEXT NOT NULL, "instance_count" INTEGER NOT NULL, "size_bytes" INTEGER NOT NULL, "removed_by" TEXT NOT NULL, "reason" TEXT NOT NULL, "removed_ms" INTEGER NOT NULL, "doomed" INTEGER NOT NULL, "parents" TEXT NOT NULL);
CREATE INDEX "trash_collection_id" ON "trash" ("collection_id");
CREATE INDEX "trash_removed_ms" ON "trash" ("removed_ms");
CREATE TABLE "trashed_instance" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "trash_id" INTEGER NOT NULL, "collection_id" INTEGER NOT NULL, "blob_digest" TEXT NOT NULL, "intake_id" TEXT NOT NULL, "columns" TEXT NOT NULL, "json" BLOB NOT NULL, "frames" BLOB NOT NULL, FOREIGN KEY ("trash_id") REFERENCES "trash" ("id") ON DELETE CASCADE);
CREATE INDEX "trashed_instance_trash_id" ON "trashed_instance" ("trash_id");
CREATE INDEX "trashed_instance_blob_digest" ON "trashed_instance" ("blob_digest");
ALTER TABLE "collection" ADD COLUMN "tell_senders" VARCHAR(255) NOT NULL DEFAULT 'yes';
