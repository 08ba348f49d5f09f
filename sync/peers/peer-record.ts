import { type AbortOptions, canonicalJson, readRecord } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';

const PEERS = 'peer/';

/** How one space stood with a peer at the end of their last session. */
export interface SpaceContact {
  /** UUID of the space. */
  readonly space: string;
  readonly isEqual: boolean;
  /** False when the peer did not name the space, though it is a member as far as is known here. */
  readonly isOffered: boolean;
  /** Operations that could not be stored on this side and on the other, by reason. */
  readonly missingHere: Readonly<Record<string, number>>;
  readonly missingThere: Readonly<Record<string, number>>;
}

/** What this node remembers of another device between starts. */
export interface PeerRecord {
  /** Public key, 64 hexadecimal digits. */
  readonly device: string;
  /** When the last session ended completely, in milliseconds since the UNIX epoch; null before the first. */
  readonly lastContactAt: number | null;
  readonly spaces: readonly SpaceContact[];
  /** Bytes of sync sessions so far. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sessions: number;
  /** How the last session that was not complete ended, and when; null when the last one was. */
  readonly lastFailure: { readonly at: number; readonly message: string } | null;
}

const peerKey = (device: string): string => PEERS + device;

export const newPeer = (device: string): PeerRecord => ({
  device,
  lastContactAt: null,
  spaces: [],
  bytesSent: 0,
  bytesReceived: 0,
  sessions: 0,
  lastFailure: null,
});

/** Errors: `JOURNAL_CORRUPT`. */
export async function readPeer(store: KeyValueStore, device: string): Promise<PeerRecord> {
  const key = peerKey(device);
  const bytes = await store.get(key);
  return bytes ? readRecord<PeerRecord>(key, bytes) : newPeer(device);
}

/** Errors: `JOURNAL_CORRUPT`. */
export async function readPeers(store: KeyValueStore, options?: AbortOptions): Promise<PeerRecord[]> {
  const peers: PeerRecord[] = [];
  for await (const [key, bytes] of store.entries(prefixRange(PEERS), options)) peers.push(readRecord(key, bytes));
  return peers;
}

/** Losing the last change to a power loss does no harm, so the disk is not waited for. */
export const writePeer = (store: KeyValueStore, peer: PeerRecord): Promise<void> =>
  store.write(new Commit().put(peerKey(peer.device), canonicalJson(peer)), { sync: false });
