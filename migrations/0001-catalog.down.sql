-- The tables of structured assets are copies: their rows are kept as segments, from which they are loaded again.
DROP SCHEMA IF EXISTS lake_assets CASCADE;
DROP SCHEMA lake CASCADE;

DROP TABLE granary.catalog_progress;
DROP TABLE granary.audit_logs;
DROP TABLE granary.data_lineage;
DROP TABLE granary.ingestion_jobs;
DROP TABLE granary.webm_columnar;
DROP TABLE granary.version_segments;
DROP TABLE granary.asset_versions;
DROP TABLE granary.data_assets;
