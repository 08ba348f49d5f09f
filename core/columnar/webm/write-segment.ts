import type { Schema } from 'apache-arrow';
import { checkLimits } from '../encode-row-group.ts';
import type { EncodedRowGroup, RowGroupHeader, SegmentHeader } from '../segment-header.ts';
import {
  EBML,
  elementByteCount,
  prefixByteCount,
  writeElements,
  writePrefix,
  writeSize,
  sizeWidth,
  type Element,
} from './ebml.ts';
import { FORMAT_VERSION, tagsOf } from './header-json.ts';
import { codecPrivate, readSequenceSize, type SequenceSize } from './sequence-size.ts';

/** A row group is shown for one second, so that a player pages through them. Milliseconds. */
const ROW_GROUP_DURATION_MS = 1000;
const NANOSECONDS_PER_MS = 1_000_000;

/** A picture takes the place of its chunk's frame after so little that players show nothing else. Milliseconds. */
const PICTURE_TIME_MS = 1;

/** Positions are written with a fixed width, so that the header can be measured before they are known. */
const POSITION_BYTES = 6;

/** Track type of video; a track that holds the last row group of a table without rows still needs a size. */
const TRACK_TYPE_VIDEO = 1;
const EMPTY_TRACK: SequenceSize = { level: 0, width: 64, height: 64 };
const RANGE_FULL = 2;
const TARGET_TYPE_WHOLE = 50;

/** Track number, 16-bit time, flags. */
const blockHeaderByteCount = (track: number): number => sizeWidth(track) + 3;
const FLAG_KEYFRAME = 0x80;

interface Layout {
  /** Counted from the start of the first cluster. */
  readonly rowGroups: readonly RowGroupHeader[];
  readonly clusters: readonly {
    readonly offset: number;
    readonly byteCount: number;
    readonly blocks: readonly number[];
  }[];
  readonly byteCount: number;
}

/**
 * The bytes of a segment file: one V_AV1 track per column, one cluster per row group. Errors: `LIMIT_EXCEEDED`,
 * `TYPE_UNSUPPORTED`.
 */
export function writeSegment(
  schema: Schema,
  rowGroups: readonly EncodedRowGroup[],
): { bytes: Uint8Array<ArrayBuffer>; header: SegmentHeader } {
  checkLimits(schema.fields.length, 0);
  const layout = layOut(rowGroups);
  const rowCount = rowGroups.reduce((sum, group) => sum + group.rowCount, 0);
  const relative: SegmentHeader = { formatVersion: FORMAT_VERSION, schema, rowCount, rowGroups: layout.rowGroups };
  const tracks = tracksElement(schema, rowGroups);
  const info = infoElement(rowGroups.length);
  const head = (positions: Positions, firstCluster: number): Element[] => [
    seekHeadElement(positions),
    info,
    tracks,
    cuesElement(layout, positions.clusters),
    tagsElement(relative, firstCluster),
  ];
  // Everything that depends on positions has a fixed width: measured first, then written with the real ones.
  const unplaced = head({ info: 0, tracks: 0, cues: 0, tags: 0, clusters: 0 }, 0);
  const positions = positionsOf(unplaced);
  const segmentByteCount = positions.clusters + layout.byteCount;
  const start = elementByteCount(EBML_HEADER) + prefixByteCount(EBML.segment, segmentByteCount);
  const firstCluster = start + positions.clusters;
  const bytes = new Uint8Array(start + segmentByteCount);
  const segmentAt = writeElements(bytes, 0, [EBML_HEADER]);
  const headAt = writePrefix(bytes, segmentAt, EBML.segment, segmentByteCount);
  writeElements(bytes, headAt, head(positions, firstCluster));
  writeClusters(bytes, firstCluster, rowGroups, layout);
  const moved = layout.rowGroups.map((group) => ({
    ...group,
    chunks: group.chunks.map((chunk) => ({ ...chunk, offset: chunk.offset + firstCluster })),
  }));
  return { bytes, header: { ...relative, rowGroups: moved } };
}

const uint = (id: number, value: number): Element => ({ id, data: { uint: value } });
const position = (id: number, value: number): Element => ({ id, data: { uint: value, width: POSITION_BYTES } });

const EBML_HEADER: Element = {
  id: EBML.header,
  data: [
    uint(EBML.version, 1),
    uint(EBML.readVersion, 1),
    uint(EBML.maxIdLength, 4),
    uint(EBML.maxSizeLength, 8),
    { id: EBML.docType, data: 'webm' },
    uint(EBML.docTypeVersion, 4),
    uint(EBML.docTypeReadVersion, 2),
  ],
};

/** Where the top-level elements start, in bytes from the start of the segment's content. */
interface Positions {
  readonly info: number;
  readonly tracks: number;
  readonly cues: number;
  readonly tags: number;
  readonly clusters: number;
}

function positionsOf(head: readonly Element[]): Positions {
  const [seekHead, info, tracks, cues, tags] = head.map(elementByteCount) as [number, number, number, number, number];
  const afterInfo = seekHead + info;
  const afterTracks = afterInfo + tracks;
  const afterCues = afterTracks + cues;
  return { info: seekHead, tracks: afterInfo, cues: afterTracks, tags: afterCues, clusters: afterCues + tags };
}

function seekHeadElement({ info, tracks, cues, tags }: Positions): Element {
  const seek = (id: number, at: number): Element => ({
    id: EBML.seek,
    data: [uint(EBML.seekId, id), position(EBML.seekPosition, at)],
  });
  const seeks = [seek(EBML.info, info), seek(EBML.tracks, tracks), seek(EBML.cues, cues), seek(EBML.tags, tags)];
  return { id: EBML.seekHead, data: seeks };
}

const infoElement = (rowGroupCount: number): Element => ({
  id: EBML.info,
  data: [
    uint(EBML.timestampScale, NANOSECONDS_PER_MS),
    { id: EBML.duration, data: { float: rowGroupCount * ROW_GROUP_DURATION_MS } },
    { id: EBML.muxingApp, data: 'granary' },
    { id: EBML.writingApp, data: 'granary' },
  ],
});

function tracksElement(schema: Schema, rowGroups: readonly EncodedRowGroup[]): Element {
  const entries = schema.fields.map((field, column): Element => {
    // Row groups differ in size: a track declares the largest of its frames.
    const size = rowGroups
      .map((group) => readSequenceSize(group.chunks[column]!.unit))
      .reduce(
        (a, b) => ({
          level: Math.max(a.level, b.level),
          width: Math.max(a.width, b.width),
          height: Math.max(a.height, b.height),
        }),
        EMPTY_TRACK,
      );
    return {
      id: EBML.trackEntry,
      data: [
        uint(EBML.trackNumber, column + 1),
        uint(EBML.trackUid, column + 1),
        uint(EBML.trackType, TRACK_TYPE_VIDEO),
        uint(EBML.flagLacing, 0),
        ...(rowGroups.some((group) => group.chunks[column]!.picture)
          ? []
          : [uint(EBML.defaultDuration, ROW_GROUP_DURATION_MS * NANOSECONDS_PER_MS)]),
        { id: EBML.name, data: field.name },
        { id: EBML.language, data: 'und' },
        { id: EBML.codecId, data: 'V_AV1' },
        { id: EBML.codecPrivate, data: codecPrivate(size.level) },
        {
          id: EBML.video,
          data: [
            uint(EBML.pixelWidth, size.width),
            uint(EBML.pixelHeight, size.height),
            { id: EBML.colour, data: [uint(EBML.range, RANGE_FULL)] },
          ],
        },
      ],
    };
  });
  return { id: EBML.tracks, data: entries };
}

function cuesElement({ clusters }: Layout, firstCluster: number): Element {
  const cued = clusters.filter(({ blocks }) => blocks.length > 0);
  return {
    id: EBML.cues,
    data: cued.map(({ offset, blocks }, rowGroup) => ({
      id: EBML.cuePoint,
      data: [
        uint(EBML.cueTime, rowGroup * ROW_GROUP_DURATION_MS),
        ...blocks.map((block, column): Element => ({
          id: EBML.cueTrackPositions,
          data: [
            uint(EBML.cueTrack, column + 1),
            position(EBML.cueClusterPosition, firstCluster + offset),
            uint(EBML.cueRelativePosition, block),
          ],
        })),
      ],
    })),
  };
}

const tagsElement = (header: SegmentHeader, firstCluster: number): Element => ({
  id: EBML.tags,
  data: [
    {
      id: EBML.tag,
      data: [
        { id: EBML.targets, data: [uint(EBML.targetTypeValue, TARGET_TYPE_WHOLE)] },
        ...tagsOf(header, firstCluster).map(([name, text]): Element => ({
          id: EBML.simpleTag,
          data: [
            { id: EBML.tagName, data: name },
            { id: EBML.tagString, data: text },
          ],
        })),
      ],
    },
  ],
});

const timestampElement = (rowGroup: number): Element => uint(EBML.timestamp, rowGroup * ROW_GROUP_DURATION_MS);

/** Places every block; blocks inside a cluster count from the start of its content. */
function layOut(rowGroups: readonly EncodedRowGroup[]): Layout {
  // ffmpeg takes a file without a cluster for one that was cut off: a table without rows has an empty one.
  if (rowGroups.length === 0) {
    const byteCount = elementByteCount(timestampElement(0));
    const clusters = [{ offset: 0, byteCount, blocks: [] }];
    return { rowGroups: [], clusters, byteCount: prefixByteCount(EBML.cluster, byteCount) + byteCount };
  }
  let end = 0;
  const clusters: Layout['clusters'][number][] = [];
  const headers = rowGroups.map((group, index): RowGroupHeader => {
    const blocks: number[] = [];
    const units: number[] = [];
    let at = elementByteCount(timestampElement(index));
    group.chunks.forEach((chunk, column) => {
      const blockByteCount = blockHeaderByteCount(column + 1) + chunk.unit.length;
      blocks.push(at);
      at += prefixByteCount(EBML.simpleBlock, blockByteCount) + blockByteCount;
      units.push(at - chunk.unit.length);
    });
    group.chunks.forEach(({ picture }, column) => {
      if (!picture) return;
      const blockByteCount = blockHeaderByteCount(column + 1) + picture.length;
      at += prefixByteCount(EBML.simpleBlock, blockByteCount) + blockByteCount;
    });
    const content = end + prefixByteCount(EBML.cluster, at);
    clusters.push({ offset: end, byteCount: at, blocks });
    end = content + at;
    return {
      rowCount: group.rowCount,
      chunks: group.chunks.map(({ byteCount, encoding, statistics, checksum }, column) => ({
        offset: content + units[column]!,
        byteCount,
        encoding,
        statistics,
        checksum,
      })),
    };
  });
  return { rowGroups: headers, clusters, byteCount: end };
}

function writeClusters(
  bytes: Uint8Array,
  firstCluster: number,
  rowGroups: readonly EncodedRowGroup[],
  { clusters }: Layout,
): void {
  let at = firstCluster;
  clusters.forEach(({ byteCount }, index) => {
    at = writePrefix(bytes, at, EBML.cluster, byteCount);
    at = writeElements(bytes, at, [timestampElement(index)]);
    const chunks = rowGroups[index]?.chunks ?? [];
    chunks.forEach(({ unit }, column) => {
      at = writeBlock(bytes, at, column + 1, 0, unit);
    });
    chunks.forEach(({ picture }, column) => {
      if (picture) at = writeBlock(bytes, at, column + 1, PICTURE_TIME_MS, picture);
    });
  });
}

/** Writes a SimpleBlock of one key frame; returns where it ends. */
function writeBlock(bytes: Uint8Array, offset: number, track: number, time: number, unit: Uint8Array): number {
  let at = writePrefix(bytes, offset, EBML.simpleBlock, blockHeaderByteCount(track) + unit.length);
  at = writeSize(bytes, at, track);
  bytes.set([0, time, FLAG_KEYFRAME], at);
  bytes.set(unit, at + 3);
  return at + 3 + unit.length;
}
