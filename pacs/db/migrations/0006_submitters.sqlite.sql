ALTER TABLE "receipt" ADD COLUMN "submitter" VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE "receipt" ADD COLUMN "site" VARCHAR(255) NOT NULL DEFAULT '';
UPDATE "receipt" SET "submitter" = "sender" WHERE "door" IN ('stow', 'ctp');
CREATE INDEX "receipt_new_study_uid" ON "receipt" ("new_study_uid");
CREATE INDEX "receipt_submitter_md5" ON "receipt" ("submitter", "md5");
CREATE INDEX "receipt_submitter_received_at_collection_id_sender_site_state" ON "receipt" ("submitter", "received_at", "collection_id", "sender", "site", "state");
CREATE INDEX "receipt_collection_id_received_at_submitter_sender_site_state" ON "receipt" ("collection_id", "received_at", "submitter", "sender", "site", "state");
