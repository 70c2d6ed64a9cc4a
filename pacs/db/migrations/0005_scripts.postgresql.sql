CREATE TABLE "counter" ("id" SERIAL NOT NULL PRIMARY KEY, "collection_id" INTEGER NOT NULL, "kind" TEXT COLLATE "C" NOT NULL, "digest" TEXT COLLATE "C" NOT NULL, "number" INTEGER NOT NULL, FOREIGN KEY ("collection_id") REFERENCES "collection" ("id") ON DELETE CASCADE);
CREATE UNIQUE INDEX "counter_collection_id_kind_digest" ON "counter" ("collection_id", "kind", "digest");
CREATE UNIQUE INDEX "counter_collection_id_kind_number" ON "counter" ("collection_id", "kind", "number");
ALTER TABLE "collection" ADD COLUMN "import_filter" TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE "collection" ADD COLUMN "filter_action" TEXT COLLATE "C" NOT NULL DEFAULT 'quarantine';
ALTER TABLE "forward" ADD COLUMN "send_filter" TEXT COLLATE "C" NOT NULL DEFAULT '';
