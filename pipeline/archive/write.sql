-- Writes one movie's table. Text columns are cast, since without rows DuckDB cannot infer their type.
COPY (
    SELECT * REPLACE (video::VARCHAR AS video, person::VARCHAR AS person)
    FROM rows
) TO $file (
    FORMAT parquet, COMPRESSION zstd, KV_METADATA {"mine-video": $facts}, USE_TMP_FILE false
);
