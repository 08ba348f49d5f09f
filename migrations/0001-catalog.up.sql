-- The catalog: assets, versions, segments, jobs, lineage and audit.
--
-- The local journal is the truth and has checked every row before it arrives here; these tables are a view of it that
-- catches up in batches and can be rebuilt. That is why there are no foreign keys: rows of one batch may come in any
-- order, and an audit entry or an edge outlives the asset it speaks of. The checks name the closed lists of the product.
--
-- `seq` columns hold positions in the journal: the entry that last wrote the row. Counts are rows, sizes are bytes.

CREATE TABLE granary.data_assets (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  description text,
  asset_type text NOT NULL
    CHECK (asset_type IN ('STRUCTURED', 'SEMI_STRUCTURED', 'UNSTRUCTURED', 'TIME_SERIES', 'GEOSPATIAL', 'GRAPH')),
  storage_format text NOT NULL CHECK (storage_format IN ('POSTGRESQL', 'EDGE', 'WEBM_COLUMNAR')),
  -- The columns at the current version, as JSON.
  schema jsonb NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  -- Number of the current version; 0 before the first commit of rows.
  version bigint NOT NULL CHECK (version >= 0),
  -- A removed asset keeps its row: its versions, edges and audit entries still name it.
  removed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  seq bigint NOT NULL
);

-- Not unique: the journal decides about names, and two nodes may name an asset alike while they are apart.
CREATE INDEX data_assets_name ON granary.data_assets (name) WHERE NOT removed;
CREATE INDEX data_assets_tags ON granary.data_assets USING gin (tags);

CREATE TABLE granary.asset_versions (
  asset_id uuid NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  -- The version this one was made from; null for the first.
  parent bigint,
  -- What made the version, such as append, replace or restore.
  kind text NOT NULL,
  -- Of the whole version, not of the change.
  row_count bigint NOT NULL CHECK (row_count >= 0),
  byte_count bigint NOT NULL CHECK (byte_count >= 0),
  schema jsonb NOT NULL,
  -- Hash of the signed operation that carries the commit, in hexadecimal.
  operation_id text,
  created_at timestamptz NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (asset_id, version)
);

CREATE INDEX asset_versions_created_at ON granary.asset_versions (asset_id, created_at);

-- A manifest is the segments of its parent, less the removed ones, and then the added ones in order of `ordinal`.
CREATE TABLE granary.version_segments (
  asset_id uuid NOT NULL,
  version bigint NOT NULL,
  segment_id text NOT NULL,
  change text NOT NULL CHECK (change IN ('ADDED', 'REMOVED')),
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  row_count bigint NOT NULL CHECK (row_count >= 0),
  byte_count bigint NOT NULL CHECK (byte_count >= 0),
  PRIMARY KEY (asset_id, version, change, ordinal)
);

CREATE INDEX version_segments_segment ON granary.version_segments (segment_id);

-- One row for each segment file; the file itself lies on the disk under the name of its hash.
CREATE TABLE granary.webm_columnar (
  -- BLAKE3-256 of the file, 64 hexadecimal digits.
  segment_hash text NOT NULL CHECK (segment_hash ~ '^[0-9a-f]{64}$'),
  asset_id uuid NOT NULL,
  row_count bigint NOT NULL CHECK (row_count >= 0),
  byte_count bigint NOT NULL CHECK (byte_count >= 0),
  -- One summary a column, in the order of the schema: min, max, nullCount.
  columns jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (asset_id, segment_hash)
);

CREATE TABLE granary.ingestion_jobs (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- Kind and place of the data; never a secret.
  source jsonb NOT NULL,
  target_asset_id uuid NOT NULL,
  -- Null for a job that runs once.
  schedule jsonb,
  transformation_logic text,
  status text NOT NULL,
  last_run timestamptz,
  next_run timestamptz,
  error_count integer NOT NULL DEFAULT 0 CHECK (error_count >= 0),
  max_errors integer NOT NULL DEFAULT 0 CHECK (max_errors >= 0),
  -- What the last run did: counts, notes, the error.
  last_result jsonb,
  seq bigint NOT NULL
);

CREATE INDEX ingestion_jobs_target ON granary.ingestion_jobs (target_asset_id);

CREATE TABLE granary.data_lineage (
  id uuid PRIMARY KEY,
  from_kind text NOT NULL,
  from_name text NOT NULL,
  to_kind text NOT NULL,
  to_name text NOT NULL,
  -- The asset and version the edge leads to, when it leads to one.
  asset_id uuid,
  version bigint,
  job_id uuid,
  detail jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL,
  seq bigint NOT NULL
);

CREATE INDEX data_lineage_asset ON granary.data_lineage (asset_id, version);
CREATE INDEX data_lineage_from ON granary.data_lineage (from_kind, from_name);

CREATE TABLE granary.audit_logs (
  id uuid PRIMARY KEY,
  -- Null when nobody is logged in, or when the purpose asks for anonymity.
  user_id text,
  -- Null for an act that touches no asset.
  asset_id uuid,
  purpose text NOT NULL
    CHECK (purpose IN (
      'USER_VIEW', 'PROVIDER_ACCESS', 'RESEARCH', 'DATA_SYNC', 'ADMIN', 'ANALYTICS', 'MACHINE_LEARNING'
    )),
  action text NOT NULL CHECK (action IN ('READ', 'WRITE', 'DELETE', 'SCHEMA_CHANGE', 'VERSION_RESTORE')),
  outcome text NOT NULL,
  source_ip text,
  device_info text,
  detail jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL,
  seq bigint NOT NULL
);

CREATE INDEX audit_logs_asset ON granary.audit_logs (asset_id, seq);
CREATE INDEX audit_logs_at ON granary.audit_logs (at);

-- One row: how far the view has caught up. `boot_id` is the machine's boot under which it was last written and `clean`
-- whether the node was closed in order since, for the rule on power loss.
CREATE TABLE granary.catalog_progress (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  seq bigint NOT NULL CHECK (seq >= 0),
  boot_id text NOT NULL,
  clean boolean NOT NULL,
  updated_at timestamptz NOT NULL
);

-- Tables of assets whose storage format is POSTGRESQL.
CREATE SCHEMA lake;
