export { schemaFromJson, schemaToJson, typeToJson, type SchemaJson } from '#core/columnar/arrow-json.ts';
