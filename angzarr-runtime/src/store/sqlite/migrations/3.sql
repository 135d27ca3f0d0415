-- Where a record was in a distributed trace, if it was in one: the header of the W3C.
ALTER TABLE records ADD COLUMN traceparent TEXT;
