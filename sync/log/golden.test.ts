import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { joinOperation, signOperation, splitOperation, verifyOperation } from './operation.ts';
import { blake3, ed25519, upstreamKey } from './testing/fixtures.ts';

const folder = new URL('../../tests/golden/log-v1/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.bin'))
  .map((name) => name.slice(0, -'.bin'.length));

describe('golden files of the operation log, format 1', () => {
  test('are all there', () => {
    expect(names).toHaveLength(7);
  });

  test.each(names)('%s reads as it says and is written as it was', (name) => {
    const bytes = Uint8Array.from(readFileSync(new URL(`${name}.bin`, folder)));
    const says = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
    const operation = splitOperation({ blake3 }, bytes);
    verifyOperation({ ed25519 }, operation);
    const { header } = operation;
    expect({
      id: toHex(operation.id),
      author: toHex(header.publicKey),
      signature: toHex(header.signature),
      bodyByteCount: operation.body?.length ?? 0,
      bodyHash: header.payload ? toHex(header.payload.hash) : null,
      seq: header.seq,
      backlink: header.backlink ? toHex(header.backlink) : null,
      extensions: header.extensions
        ? {
            logId: toHex(header.extensions.logId),
            timestampMicros: String(header.extensions.timestampMicros),
            pruneFlag: header.extensions.pruneFlag,
          }
        : null,
    }).toEqual(says);

    const again = signOperation({ key: upstreamKey, blake3 }, { ...header, body: operation.body ?? new Uint8Array() });
    expect(joinOperation(again)).toEqual(bytes);
  });
});
