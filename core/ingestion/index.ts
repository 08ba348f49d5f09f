export * from './ports.ts';
export * from './limits.ts';
export { JSON_MARK, isJsonField } from './column-names.ts';
export { openBatchSource } from './adapters/open-batch-source.ts';
export { spoolFile } from './adapters/spool-file.ts';
export { parseSchemaFile } from './schema-file.ts';
export * from './operations.ts';
