-- Commits under an older token of the projector's lease are refused.
ALTER TABLE views ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
