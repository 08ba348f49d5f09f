/**
 * Writes the golden files of the operation log, format 1: `node tests/golden/log-v1/generate.ts`. They are kept so that
 * later versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * Each case is `<name>.bin`, the header followed by the body as a log stores them, and `<name>.json`, what they say.
 * What the logs of spaces add is in `<name>.cbor`, and a whole store of such logs, by key, in `store.json`.
 */
import { writeFile } from 'node:fs/promises';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import { joinOperation, type OperationContent, type SignedOperation, signOperation } from '#sync/log/index.ts';
import { blake3, extensions, upstreamKey as key } from '#sync/log/testing/fixtures.ts';
import { goldenEncodings, goldenStore } from '#sync/log/testing/golden-logs.ts';

const sign = (content: Partial<OperationContent>) =>
  signOperation(
    { key, blake3 },
    { seq: 0, backlink: undefined, extensions: undefined, body: new Uint8Array(), ...content },
  );

const first = sign({ body: toUtf8('Hello, Sloth!'), extensions });
const second = sign({ seq: 1, backlink: first.id, body: new Uint8Array(70_000).fill(1), extensions });
const third = sign({ seq: 2, backlink: second.id, extensions: { ...extensions, timestampMicros: 0n } });

const cases: Record<string, SignedOperation> = {
  'upstream-v0-no-body': sign({}),
  'upstream-v1-body': sign({ body: toUtf8('Hello, Sloth!') }),
  'upstream-v2-backlink': sign({ seq: 1, backlink: sign({ body: toUtf8('Hello, Sloth!') }).id }),
  'log-0-body': first,
  'log-1-large-body': second,
  'log-2-no-body': third,
  'log-3-largest-numbers': sign({
    seq: 0xffff_ffff,
    backlink: third.id,
    extensions: { ...extensions, timestampMicros: 0xffff_ffff_ffff_ffffn, pruneFlag: true },
  }),
};

for (const [name, operation] of Object.entries(cases)) {
  const { header } = operation;
  const says = {
    id: toHex(operation.id),
    author: toHex(header.publicKey),
    signature: toHex(header.signature),
    bodyByteCount: header.payload?.byteCount ?? 0,
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
  };
  await writeFile(new URL(`${name}.bin`, import.meta.url), joinOperation(operation));
  await writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(says, null, 2)}\n`);
}

for (const [name, bytes] of Object.entries(goldenEncodings())) {
  await writeFile(new URL(`${name}.cbor`, import.meta.url), bytes);
}
await writeFile(new URL('store.json', import.meta.url), `${JSON.stringify(await goldenStore(), null, 2)}\n`);
