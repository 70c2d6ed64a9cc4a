CREATE TABLE "collection_change" ("collection_id" INTEGER NOT NULL PRIMARY KEY, "number" INTEGER NOT NULL);
