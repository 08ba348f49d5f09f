import { Field, Utf8 } from 'apache-arrow';

const EXTENSION_KEY = 'ARROW:extension:name';
/** Arrow's canonical extension type for text that is JSON. */
const JSON_EXTENSION = 'arrow.json';

/** A column of JSON text that says so. */
export const jsonField = (name: string): Field =>
  new Field(name, new Utf8(), true, new Map([[EXTENSION_KEY, JSON_EXTENSION]]));

/** True for a column whose texts are JSON and may stand in a JSON document as they are. */
export const isJsonField = (field: Field): boolean => field.metadata.get(EXTENSION_KEY) === JSON_EXTENSION;
