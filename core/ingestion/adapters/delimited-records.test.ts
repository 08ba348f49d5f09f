import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '#core/kernel/index.ts';
import { COLUMNS_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import type { RecordPlace } from '../text/record-place.ts';
import { createRecordReader, type Dialect, ESCAPED, PARSE_BYTES_MIN, PLAIN } from './delimited-records.ts';
import { detectDialect } from './detect-dialect.ts';

const COMMA: Dialect = { delimiter: 0x2c, recordEnd: 0x0a };

interface Seen {
  readonly fields?: string[];
  readonly fault?: string;
  readonly at: string;
}

/** Reads the text in chunks of the given size; one line per record, `*` before quoted fields. */
function read(text: string | Uint8Array, dialect = COMMA, chunkBytes = Infinity): Seen[] {
  const bytes = typeof text === 'string' ? toUtf8(text) : text;
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) parts.push(bytes.subarray(at, at + chunkBytes));
  return readParts(parts, dialect);
}

function readParts(parts: readonly Uint8Array[], dialect = COMMA): Seen[] {
  const seen: Seen[] = [];
  const reader = createRecordReader(dialect, {
    record({ bytes: source, starts, ends, quoting, unescaped, fieldCount, line, byteOffset }) {
      const fields = Array.from({ length: Math.min(fieldCount, COLUMNS_MAX) }, (_, i) => {
        const text = (quoting[i] === ESCAPED ? unescaped : source).subarray(starts[i], ends[i]);
        return (quoting[i] === PLAIN ? '' : '*') + fromUtf8(text);
      });
      seen.push({ fields, at: `${line}@${byteOffset}` });
    },
    fault({ code, reason, line, byteOffset, bytes: source, start, end }) {
      const raw = Buffer.from(source.slice(start, Math.min(end, start + 20))).toString();
      seen.push({ fault: `${code} ${reason} <${raw}>`, at: `${line}@${byteOffset}` });
    },
  });
  for (const part of parts) reader.push(part);
  reader.end();
  return seen;
}

const fieldsOf = (text: string, dialect = COMMA) => read(text, dialect).map(({ fields, fault }) => fields ?? fault);

describe('reading delimited text', () => {
  test.each([
    [
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a,\n,b\n,',
      [
        ['a', ''],
        ['', 'b'],
        ['', ''],
      ],
    ],
    [
      '"a","b"\r\n"c","d"',
      [
        ['*a', '*b'],
        ['*c', '*d'],
      ],
    ],
    // RFC 4180 knows no carriage return alone; csv-parse takes one at the end as it takes all others, as data.
    ['a,b\r', [['a', 'b\r']]],
    ['"a"\r', ['ROW_INVALID text follows the closing quote of a field <"a"\r>']],
    ['"a""b"c\n', ['ROW_INVALID text follows the closing quote of a field <"a""b"c>']],
    ['""a,b\n', ['ROW_INVALID text follows the closing quote of a field <""a,b>']],
    ['"a"b,",""b"\n', ['ROW_INVALID text follows the closing quote of a field <"a"b,",""b">']],
    ['"""a"" b","""",""\n', [['*"a" b', '*"', '*']]],
    ['"a,b","c\nd"\n', [['*a,b', '*c\nd']]],
    ['"a\r\nb",c\r\n', [['*a\r\nb', 'c']]],
    ['"say ""hi""",""""\n""\n', [['*say "hi"', '*"'], ['*']]],
    ['5" pipe,a"b"c\n', [['5" pipe', 'a"b"c']]],
    ['a\rb,c\r\n', [['a\rb', 'c']]],
    ['\n\na\n', [[''], [''], ['a']]],
    ['é,日本\n', [['é', '日本']]],
  ])('%j', (text, expected) => {
    expect(fieldsOf(text)).toEqual(expected);
  });

  test('carriage returns alone may end records', () => {
    expect(fieldsOf('a,b\r"c\rd",e\r', { delimiter: 0x2c, recordEnd: 0x0d })).toEqual([
      ['a', 'b'],
      ['*c\rd', 'e'],
    ]);
  });

  test('lines and offsets count quoted line ends and bytes, not characters', () => {
    expect(read('é,b\n"x\ny",2\nlast,1').map(({ at }) => at)).toEqual(['1@0', '2@5', '4@13']);
  });

  test('text behind a closing quote spoils its record up to the end of that line', () => {
    expect(read('a,b\n"x\ny"z,2\nc,d\n')).toEqual([
      { fields: ['a', 'b'], at: '1@0' },
      { fault: 'ROW_INVALID text follows the closing quote of a field <"x\ny"z,2>', at: '2@4' },
      { fields: ['c', 'd'], at: '4@13' },
    ]);
  });

  test('a quote that is never closed costs its own line', () => {
    expect(read('a,b\n"x,1\nc,d\ne,f')).toEqual([
      { fields: ['a', 'b'], at: '1@0' },
      { fault: 'FILE_FORMAT a quote that opens in this line is never closed <"x,1>', at: '2@4' },
      { fields: ['c', 'd'], at: '3@9' },
      { fields: ['e', 'f'], at: '4@13' },
    ]);
  });

  test.each([
    ['a record', `a,b\n${'x'.repeat(RECORD_BYTES_MAX + 1)},1\nc,d\n`],
    [
      'an open quote',
      `a,b\n"${'x'.repeat(20)}\n${`${'y'.repeat(9999)}\n`.repeat(RECORD_BYTES_MAX / 10_000 + 1)}",1\nc,d\n`,
    ],
  ])('%s of more than the limit is given up and reading goes on', (_name, text) => {
    for (const chunkBytes of [1 << 16, Infinity]) {
      const seen = read(text, COMMA, chunkBytes);
      expect(seen[1]!.fault).toMatch(/^LIMIT_EXCEEDED the record is longer than/);
      expect(seen[1]!.at).toBe('2@4');
      expect(seen.at(-1)!.fields).toEqual(['c', 'd']);
    }
  });

  test('fields over the limit are counted and not kept', () => {
    let fieldCount = 0;
    const reader = createRecordReader(COMMA, { record: (record) => (fieldCount = record.fieldCount), fault() {} });
    reader.push(toUtf8(','.repeat(5000)));
    reader.end();
    expect(fieldCount).toBe(5001);
  });

  test('a quote that is closed by one further down keeps all its lines in one bad record', () => {
    expect(read('a,b\n"x,1\nc,"d",2\ne,f\n')).toEqual([
      { fields: ['a', 'b'], at: '1@0' },
      { fault: 'ROW_INVALID text follows the closing quote of a field <"x,1\nc,"d",2>', at: '2@4' },
      { fields: ['e', 'f'], at: '4@17' },
    ]);
  });

  const piece = fc.constantFrom('"', '""', ',', '\n', '\r\n', '\r', 'a', 'é', 'bc', ' ', '"x"', '"x\ny"');

  test('the result does not depend on where the text is cut', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const bytes = toUtf8(pieces.join(''));
        const whole = read(bytes);
        for (let cut = 1; cut < bytes.length; cut++)
          expect(readParts([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(whole);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test('the result does not depend on the size of chunks', () => {
    const pieces = fc.array(piece, { minLength: 1000, maxLength: 2000 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 200_000 }), (some, chunkBytes) => {
        const text = `${some.join('')}\n"`;
        const bytes = toUtf8(text.repeat(Math.ceil((3 * PARSE_BYTES_MIN) / text.length)));
        // Compared as one text, and not shrunk: a difference between lists this long takes minutes to show.
        expect(JSON.stringify(read(bytes, COMMA, chunkBytes)) === JSON.stringify(read(bytes))).toBe(true);
      }),
      { seed: 7, numRuns: 4, endOnFailure: true },
    );
  });

  test('every byte of a text is in a record or a fault', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const bytes = toUtf8(pieces.join(''));
        let at = 0;
        const take = ({ start, end, byteOffset }: RecordPlace) => {
          expect(fromUtf8(bytes.slice(at, byteOffset))).toMatch(/^(\r?\n)?$/);
          at = byteOffset + end - start;
        };
        const reader = createRecordReader(COMMA, { record: take, fault: take });
        reader.push(bytes);
        reader.end();
        expect(fromUtf8(bytes.slice(at))).toMatch(/^(\r?\n)?$/);
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  test('what a writer with quotes writes comes back field by field', () => {
    const field = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', 'ß', ' ', ';') });
    const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rows, (table) => {
        const text = table.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\r\n');
        expect(fieldsOf(text)).toEqual(table.map((row) => row.map((cell) => `*${cell}`)));
      }),
      { seed: 11, numRuns: 1000 },
    );
  });
});

describe('finding the dialect', () => {
  test.each([
    ['a,b,c\n1,2,3\n', ','],
    ['a;b;c\n1,5;2,5;3\n', ';'],
    ['a\tb\n1,2\t3\n', '\t'],
    ['a|b\n"x,y,z"|2\n', '|'],
    ['name,note\n"a;b","c;d;e"\n"x","y;z"\n', ','],
    ['"last, first";age\n"Smith, Jo";5\n"Doe, J";6\n', ';'],
    ['single\nvalue\n', ','],
    ['a,b\n1,2\n3\n4,5\n', ','],
    ['name;price\nx;1,50\ny;2,50', ';'],
    ['a,b', ','],
  ])('%j', (text, delimiter) => {
    expect(String.fromCharCode(detectDialect(toUtf8(text)).delimiter)).toBe(delimiter);
  });

  test('line ends', () => {
    expect(detectDialect(toUtf8('a,b\r1,2\r')).recordEnd).toBe(0x0d);
    expect(detectDialect(toUtf8('a,b\r\n1,2\r\n')).recordEnd).toBe(0x0a);
    expect(detectDialect(toUtf8('"a\rb",c\n1,2\n')).recordEnd).toBe(0x0a);
  });
});
