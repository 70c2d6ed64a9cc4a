CREATE TABLE "collection_change" ("collection_id" INTEGER NOT NULL PRIMARY KEY, "number" BIGINT NOT NULL);
