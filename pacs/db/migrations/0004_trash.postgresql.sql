CREATE TABLE "trash" ("id" SERIAL NOT NULL PRIMARY KEY, "collection_id" INTEGER NOT NULL, "study_uid" TEXT COLLATE "C" NOT NULL, "series_uid" TEXT COLLATE "C" NOT NULL, "sop_uid" TEXT COLLATE "C" NOT NULL, "instance_count" INTEGER NOT NULL, "size_bytes" BIGINT NOT NULL, "removed_by" TEXT COLLATE "C" NOT NULL, "reason" TEXT COLLATE "C" NOT NULL, "removed_ms" BIGINT NOT NULL, "doomed" BOOLEAN NOT NULL, "parents" TEXT COLLATE "C" NOT NULL);
CREATE INDEX "trash_collection_id" ON "trash" ("collection_id");
CREATE INDEX "trash_removed_ms" ON "trash" ("removed_ms");
CREATE TABLE "trashed_instance" ("id" SERIAL NOT NULL PRIMARY KEY, "trash_id" INTEGER NOT NULL, "collection_id" INTEGER NOT NULL, "blob_digest" TEXT COLLATE "C" NOT NULL, "intake_id" TEXT COLLATE "C" NOT NULL, "columns" TEXT COLLATE "C" NOT NULL, "json" BYTEA NOT NULL, "frames" BYTEA NOT NULL, FOREIGN KEY ("trash_id") REFERENCES "trash" ("id") ON DELETE CASCADE);
CREATE INDEX "trashed_instance_trash_id" ON "trashed_instance" ("trash_id");
CREATE INDEX "trashed_instance_blob_digest" ON "trashed_instance" ("blob_digest");
ALTER TABLE "collection" ADD COLUMN "tell_senders" TEXT COLLATE "C" NOT NULL DEFAULT 'yes';
