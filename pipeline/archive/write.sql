-- One movie's table. Text is said to be text: where there is no row, nothing shows it.
COPY (
    SELECT * REPLACE (video::VARCHAR AS video, person::VARCHAR AS person)
    FROM rows
) TO $file (
    FORMAT parquet, COMPRESSION zstd, KV_METADATA {"mine-video": $facts}, USE_TMP_FILE false
);
