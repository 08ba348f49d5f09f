-- Without CASCADE: while an asset still keeps rows in `lake`, the step is refused and nothing is lost.
DROP SCHEMA lake;

DROP TABLE granary.catalog_progress;
DROP TABLE granary.audit_logs;
DROP TABLE granary.data_lineage;
DROP TABLE granary.ingestion_jobs;
DROP TABLE granary.webm_columnar;
DROP TABLE granary.version_segments;
DROP TABLE granary.asset_versions;
DROP TABLE granary.data_assets;
