import { describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import { encodeExtensions } from './extensions.ts';
import { decodeOperation, signOperation, verifyOperation } from './operation.ts';
import { blake3, ed25519, extensions, hex, upstreamKey } from './testing/fixtures.ts';

// V0, V1 and V2 are the fixtures of p2panda-core 0.7.0 (src/serde.rs); V3 is our own and adds the extensions.
const PUBLIC_KEY = 'e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620';
const BODY = toUtf8('Hello, Sloth!');
const NO_BODY = new Uint8Array();
const BODY_HASH = 'bf7f440de32bfc9b3194b002a2d9afab312cb5d74771d3c31d80c0a9058aa08e';
const V1_ID = '442bfafb2f97793a1e901881ab235938a1704b5ba8c9c379a99b5568813c8da1';

const vectors = [
  {
    name: 'V0: no body',
    content: { seq: 0, backlink: undefined, extensions: undefined, body: NO_BODY },
    header: `85 01 5820 ${PUBLIC_KEY} 5840
      11815a20d4e04a8ddb52a02313cd5237f7cc799980cb7b666c5a3c17dfb0fb9a
      f383b1368ed200e77d5ace1cf025b358c8f6b931f687f285807f167617661602 00 00`,
    byteCount: 104,
    id: 'fbc25eaaa999123a8655a6879bf5da1353977bf41d0a9740ab2f436bd1199250',
  },
  {
    name: 'V1: a body',
    content: { seq: 0, backlink: undefined, extensions: undefined, body: BODY },
    header: `86 01 5820 ${PUBLIC_KEY} 5840
      bb599da5c5164f91e374e2cbe7d5e1fdc5fdf09310e0ba925e7e4fb996546610
      6d38f1e4a4bf992f8ebd0c479f8f51cc6c7c1627de7a58c67b7d02d31cc45a00 0d 5820 ${BODY_HASH} 00`,
    byteCount: 138,
    id: V1_ID,
  },
  {
    name: 'V2: a backlink',
    content: { seq: 1, backlink: hex(V1_ID), extensions: undefined, body: NO_BODY },
    header: `86 01 5820 ${PUBLIC_KEY} 5840
      5af1dbb37160cff5c10373a654b1ecbfc28622d675b6827961096eaa232c9bcd
      93b4eabc11276d928e44b5ba77c5472df5f6208b2ec5960cff6e8663058bdf0d 00 01 5820 ${V1_ID}`,
    byteCount: 138,
    id: '232288a6d97adbbc090eb760335ee925d190822635bd1e1a667d31afd57ab542',
  },
  {
    name: 'V3: a body and extensions',
    content: { seq: 0, backlink: undefined, extensions, body: BODY },
    header: `87 01 5820 ${PUBLIC_KEY} 5840
      dd56fa1ea5a202cc1e4bcbb05154109bcc8c188627efb997460169fd6d19fff3
      0c01a29ebb58b99cd4707ed6b35fa8e13ef10b837efc9449e521cad3c5174d0f 0d 5820 ${BODY_HASH} 00
      85 01 00 5820 ebaf85b465a09de21b398fb112c1500f2cbe658c42f379e0c0f18d24b819f637 1b00063b86cc545800 f4`,
    byteCount: 185,
    id: 'a6f9763a0026daf3f230d57883f7562c9e26edd39bda4571f4dcc28f91a69f2a',
  },
];

describe('the published vectors', () => {
  test('BLAKE3', () => {
    expect(toHex(blake3(Uint8Array.of(1, 2, 3)))).toBe(
      'b177ec1bf26dfb3b7010d473e6d44713b29b765b99c6e60ecbfae742de496543',
    );
    expect(toHex(blake3(toUtf8('A very important message.')))).toBe(
      '8d3ca6d66651182cd6a9c1fc5dad0260a0ee29fe9ed494734e60d259430ae8a4',
    );
  });

  test('the public key of the seed', () => {
    expect(toHex(upstreamKey.publicKey)).toBe(PUBLIC_KEY);
  });

  test('the extensions take 47 bytes', () => {
    expect(encodeExtensions(extensions)).toHaveLength(47);
  });

  test.each(vectors)('$name', ({ content, header, byteCount, id }) => {
    const signed = signOperation({ key: upstreamKey, blake3 }, content);
    expect(toHex(signed.headerBytes)).toBe(toHex(hex(header)));
    expect(signed.headerBytes).toHaveLength(byteCount);
    expect(toHex(signed.id)).toBe(id);

    const received = decodeOperation({ blake3 }, hex(header), content.body);
    expect(received).toEqual(signed);
    verifyOperation({ ed25519 }, received);
  });
});
