/**
 * The state of an asset in its one form, for others to check and to follow: canonical CBOR. Equal operations give equal bytes, in
 * whatever order they came. What waits for others is no part of it.
 *
 * `[1, [log…], [version…], [edge…], [removal…]]`
 *
 * | what                   | array                                                                                            |
 * | ---------------------- | ------------------------------------------------------------------------------------------------ |
 * | log                    | author (32), log id (32), [operation…], [part…], [run…]; rising by author and log id              |
 * | operation              | id (32), seq, void, clock of the log's client after it, [log, operation, log, operation…]         |
 * | version, edge, removal | log, operation, wall time, counter, record; rising by log and operation                           |
 * | run                    | kind, left, right, then for 0 an entry: root, key, value; 1 a text: its bytes; 2 what is gone: length |
 *
 * Logs and operations are named by their places, from 0; records, parts and values are canonical JSON, and these, keys and
 * texts are byte strings; left and right are `[]` or `[log, clock]`. See `docs/formats/compaction-v1.md`.
 */
import { canonicalJson, fromHex, toUtf8 } from '#core/kernel/index.ts';
import { encodeArray, encodeBoolean, encodeByteString, encodeUnsigned } from '#sync/log/index.ts';
import { type DocumentRun, runsOf } from './document-runs.ts';
import { MAP_ROOTS } from './fields.ts';
import type { DocumentDeps, ItemId } from './ports.ts';
import { type AssetLog, type AssetReplica, documentOf, type FoldedOperation, type Recorded } from './replica.ts';

export const STATE_VERSION = 1;
/** The kinds of runs, by their numbers. */
export const RUN_KINDS = ['entry', 'text', 'gone'] as const;

/** Opens the document of the replica, and changes nothing else. */
export function encodeAssetState(
  { openDocument }: Pick<DocumentDeps, 'openDocument'>,
  state: AssetReplica,
): Uint8Array {
  const names = [...state.logsByName].filter(([, { operations }]) => operations.length > 0);
  const logs = names.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, log]) => log);
  const places = new Map(logs.map((log, place) => [log, place]));
  const runs = runsOf(state.document ? documentOf(openDocument, state).units() : []);
  const encodeId = (id: ItemId | undefined) =>
    encodeArray(id ? [places.get(state.logsByClient.get(id.client)!)!, id.clock].map(encodeUnsigned) : []);
  const encodeLog = (log: AssetLog) =>
    encodeArray([
      encodeByteString(fromHex(log.author)),
      encodeByteString(fromHex(log.logId)),
      encodeArray(log.operations.map((operation) => encodeOperation(places, operation))),
      encodeArray(log.parts.map((part) => encodeByteString(canonicalJson(part)))),
      encodeArray(ownRuns(state, log, runs).map((run) => encodeRun(run, encodeId))),
    ]);
  return encodeArray([
    encodeUnsigned(STATE_VERSION),
    encodeArray(logs.map(encodeLog)),
    ...[state.versions, state.edges, state.removals].map((records) => encodeRecords(places, records)),
  ]);
}

type Places = ReadonlyMap<AssetLog, number>;

/** Of two logs with one client, only one writes. */
const ownRuns = (state: AssetReplica, log: AssetLog, runs: ReturnType<typeof runsOf>): readonly DocumentRun[] =>
  state.logsByClient.get(log.client) === log ? (runs.get(log.client) ?? []) : [];

const placeOf = (places: Places, { log, index }: FoldedOperation) => [places.get(log)!, index] as const;
type Place = ReturnType<typeof placeOf>;
const byPlace = (left: Place, right: Place): number => left[0] - right[0] || left[1] - right[1];

function encodeOperation(places: Places, { id, seq, isVoid, clockEnd, dependencies }: FoldedOperation): Uint8Array {
  const named = dependencies.map((dependency) => placeOf(places, dependency)).sort(byPlace);
  return encodeArray([
    encodeByteString(fromHex(id)),
    encodeUnsigned(seq),
    encodeBoolean(isVoid),
    encodeUnsigned(clockEnd),
    encodeArray(named.flat().map(encodeUnsigned)),
  ]);
}

function encodeRecords(places: Places, records: ReadonlyMap<string, Recorded<object>>): Uint8Array {
  const placed = Array.from(records.values(), (recorded) => ({
    ...recorded,
    place: placeOf(places, recorded.operation),
  })).sort((left, right) => byPlace(left.place, right.place));
  return encodeArray(
    placed.map(({ place, clock, record }) =>
      encodeArray([
        ...[...place, clock.wall, clock.counter].map(encodeUnsigned),
        encodeByteString(canonicalJson(record)),
      ]),
    ),
  );
}

function encodeRun(run: DocumentRun, encodeId: (id: ItemId | undefined) => Uint8Array): Uint8Array {
  return encodeArray([
    encodeUnsigned(RUN_KINDS.indexOf(run.kind)),
    encodeId(run.left),
    encodeId(run.right),
    ...encodeContent(run),
  ]);
}

function encodeContent(run: DocumentRun): Uint8Array[] {
  if (run.kind === 'text') return [encodeByteString(toUtf8(run.text))];
  if (run.kind === 'gone') return [encodeUnsigned(run.length)];
  const { root, key, value } = run;
  return [
    encodeUnsigned(MAP_ROOTS.indexOf(root)),
    encodeByteString(toUtf8(key)),
    encodeByteString(canonicalJson(value)),
  ];
}
