import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';

/** The Ed25519 public key that a peer id is made of; undefined for ids of other kinds of keys, which no device has. */
export const keyOfPeer = (peerId: PeerId): Uint8Array | undefined =>
  peerId.type === 'Ed25519' ? peerId.publicKey.raw : undefined;

/** The peer id of a public key of 32 bytes. */
export const peerOfKey = (key: Uint8Array): PeerId => peerIdFromPublicKey(publicKeyFromRaw(key));

/** A public key of 32 bytes as libp2p writes it: what multiaddrs end in. */
export const peerIdOf = (key: Uint8Array): string => peerOfKey(key).toString();
