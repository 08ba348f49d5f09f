/** What a document may hold: its roots, their keys, and the values of each. */
import { DATA_ASSET_TYPES, normaliseAssetName, STORAGE_FORMATS } from '#core/catalog/index.ts';
import { parseMaxError } from '#core/columnar/index.ts';
import { canonicalJson, equalBytes, isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import {
  COLUMN_NAME_LENGTH_MAX,
  CONTRACT_BYTES_MAX,
  CUSTOM_NAME_LENGTH_MAX,
  CUSTOM_TEXT_LENGTH_MAX,
  MAX_ERROR_LENGTH_MAX,
  RECORD_DEPTH_MAX,
} from './limits.ts';
import { jsonDepth } from './json-depth.ts';

/** What an entry can hold. */
export type Scalar = string | number | boolean | null;

/** Roots whose keys each have one value. All of them are roots: of two nested maps made at once, one would be lost. */
export const MAP_ROOTS = ['fields', 'tags', 'maxErrors', 'custom'] as const;
export type MapRoot = (typeof MAP_ROOTS)[number];

/**
 * The one root that is a text: what two people write into different sentences of a description at the same time is kept
 * of both. Everything else is short and has one value.
 */
export const TEXT_ROOT = 'description';
export type RootName = MapRoot | typeof TEXT_ROOT;

export const isMapRoot = (name: string): name is MapRoot => (MAP_ROOTS as readonly string[]).includes(name);

/** Characters of a tag, as the catalog has it. */
const TAG_LENGTH_LARGEST = 100;

const isOneOf =
  (values: readonly string[]) =>
  (value: Scalar): boolean =>
    typeof value === 'string' && values.includes(value);

const FIELDS = new Map<string, (value: Scalar) => boolean>([
  ['name', (value) => typeof value === 'string' && isNormalName(value)],
  ['assetType', isOneOf(DATA_ASSET_TYPES)],
  ['storageFormat', isOneOf(STORAGE_FORMATS)],
  ['contract', (value) => value === null || (typeof value === 'string' && isCanonicalJson(value))],
]);

const isLine = (text: string, lengthMax: number): boolean =>
  text.length > 0 && text.length <= lengthMax && !/\p{Cc}/u.test(text) && text.isWellFormed();

function isNormalName(name: string): boolean {
  try {
    return normaliseAssetName(name) === name;
  } catch (error) {
    if (isGranaryError(error, 'ASSET_NAME_INVALID')) return false;
    throw error;
  }
}

function isCanonicalJson(text: string): boolean {
  const bytes = toUtf8(text);
  if (bytes.length > CONTRACT_BYTES_MAX || jsonDepth(bytes) > RECORD_DEPTH_MAX) return false;
  try {
    return equalBytes(canonicalJson(JSON.parse(text)), bytes);
  } catch {
    // No JSON, or with a number that is too large to be read and written again.
    return false;
  }
}

function isMaxError(text: string): boolean {
  if (text.length > MAX_ERROR_LENGTH_MAX) return false;
  try {
    parseMaxError(text);
    return true;
  } catch (error) {
    if (isGranaryError(error, 'INPUT_INVALID')) return false;
    throw error;
  }
}

/** True for a key that the root can have. */
export function isKeyOf(root: MapRoot, key: string): boolean {
  switch (root) {
    case 'fields':
      return FIELDS.has(key);
    case 'tags':
      return isLine(key, TAG_LENGTH_LARGEST) && key === key.normalize('NFC').trim();
    case 'maxErrors':
      return key.length <= COLUMN_NAME_LENGTH_MAX && key.isWellFormed();
    case 'custom':
      return isLine(key, CUSTOM_NAME_LENGTH_MAX);
  }
}

/** True for a value that the key can have; null takes a tag, an error bound, a contract or a field of one's own away. */
export function isValueOf(root: MapRoot, key: string, value: Scalar): boolean {
  switch (root) {
    case 'fields':
      return FIELDS.get(key)?.(value) ?? false;
    case 'tags':
      return value === true || value === null;
    case 'maxErrors':
      return value === null || (typeof value === 'string' && isMaxError(value));
    case 'custom':
      if (typeof value === 'string') return value.length <= CUSTOM_TEXT_LENGTH_MAX && value.isWellFormed();
      return typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0));
  }
}
