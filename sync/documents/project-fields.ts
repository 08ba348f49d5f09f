import type { DataAssetType, StorageFormat } from '#core/catalog/index.ts';
import type { MapRoot, Scalar } from './fields.ts';
import { CUSTOM_FIELDS_MAX } from './limits.ts';
import type { ItemId, OpenDocument } from './ports.ts';
import { type AssetReplica, documentOf, operationAt } from './replica.ts';

/** What people edit; null for what nobody has said yet. */
export interface AssetFields {
  readonly name: string | null;
  readonly description: string | null;
  readonly assetType: DataAssetType | null;
  readonly storageFormat: StorageFormat | null;
  /** Sorted. */
  readonly tags: readonly string[];
  /** By column. */
  readonly maxErrors: Readonly<Record<string, string>>;
  /** The quality contract, any JSON value. */
  readonly contract: unknown;
  readonly custom: Readonly<Record<string, string | number | boolean>>;
}

/** Characters of a description and number of tags, as the catalog has them: what concurrent edits add up to is cut. */
const DESCRIPTION_LENGTH_LARGEST = 10_000;
const TAGS_LARGEST = 100;
const MAX_ERRORS_LARGEST = 1_000;

const NO_FIELDS: AssetFields = {
  name: null,
  description: null,
  assetType: null,
  storageFormat: null,
  tags: [],
  maxErrors: {},
  contract: null,
  custom: {},
};

/** What the document says; values of void operations do not count. */
export function projectFields(openDocument: OpenDocument, state: AssetReplica): AssetFields {
  if (!state.document) return NO_FIELDS;
  const document = documentOf(openDocument, state);
  const isVoid = ({ client, clock }: ItemId) => operationAt(state.logsByClient.get(client)!, clock).isVoid;
  const entries = <T extends Scalar>(root: MapRoot, countMax: number) =>
    [...document.entries(root, isVoid)].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, countMax) as [string, T][];
  const fields = new Map(entries<string>('fields', Infinity));
  const contract = fields.get('contract');
  return {
    name: fields.get('name') ?? null,
    description: cutText(document.description()) || null,
    assetType: (fields.get('assetType') as DataAssetType | undefined) ?? null,
    storageFormat: (fields.get('storageFormat') as StorageFormat | undefined) ?? null,
    tags: entries('tags', TAGS_LARGEST).map(([tag]) => tag),
    maxErrors: Object.fromEntries(entries<string>('maxErrors', MAX_ERRORS_LARGEST)),
    contract: contract === undefined ? null : JSON.parse(contract),
    custom: Object.fromEntries(entries<string | number | boolean>('custom', CUSTOM_FIELDS_MAX)),
  };
}

/** Cut between characters, not within one. */
const cutText = (text: string): string => {
  if (text.length <= DESCRIPTION_LENGTH_LARGEST) return text;
  const cut = text.slice(0, DESCRIPTION_LENGTH_LARGEST);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
};
