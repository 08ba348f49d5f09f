import { concatBytes, fromHex, fromUtf8, GranaryError, type Random, toHex, toUtf8 } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import type { Blake3, Ed25519, ReadFileMode, SigningKey } from './ports.ts';

/**
 * The key file is one line of text: this word, the 32-byte seed and the public key that follows from it, both as
 * hexadecimal digits. The public key is there so that a damaged seed is noticed.
 */
const KEY_FILE_LABEL = 'granary-device-key-1';
const KEY_FILE_PATTERN = new RegExp(`^${KEY_FILE_LABEL} ([0-9a-f]{64}) ([0-9a-f]{64})\n$`);
const SECRET_DOMAIN = toUtf8('granary device secret v1\0');
const OWNER_ONLY = 0o600;
const GROUP_AND_OTHERS = 0o077;
/** 128 bits: as many as can be compared by eye, and nobody finds a second key with the same. */
const FINGERPRINT_BYTES = 16;

/** The identity of this device: it signs everything the node says to others. */
export interface DeviceKey extends SigningKey {
  /** Eight groups of four digits that people compare by eye or by voice. */
  readonly fingerprint: string;
  /** 32 secret bytes that follow from the seed and the label alone; they tell nothing of the seed or of other labels. */
  deriveSecret(label: string): Uint8Array;
  /**
   * The seed itself, 32 bytes, for the transport alone: its lines prove the same key, and its library signs by itself. A
   * copy with each call.
   */
  transportSeed(): Uint8Array;
}

export interface DeviceKeyDeps {
  readonly files: FileSystem;
  readonly readFileMode: ReadFileMode;
  readonly random: Random;
  readonly ed25519: Ed25519;
  readonly blake3: Blake3;
}

/** The first 128 bits of the public key's BLAKE3 hash, such as `9c1f-02ab-…`. */
export function keyFingerprint(blake3: Blake3, publicKey: Uint8Array): string {
  const groups = toHex(blake3(publicKey).subarray(0, FINGERPRINT_BYTES)).match(/.{4}/g) ?? [];
  return groups.join('-');
}

/** The device key of a 32-byte seed, which stays inside. */
export function deviceKeyOf(
  { ed25519, blake3 }: Pick<DeviceKeyDeps, 'ed25519' | 'blake3'>,
  seed: Uint8Array,
): DeviceKey {
  const kept = seed.slice();
  const { publicKey, sign } = ed25519.keyFromSeed(kept);
  return {
    publicKey,
    sign,
    fingerprint: keyFingerprint(blake3, publicKey),
    deriveSecret: (label) => blake3(concatBytes([SECRET_DOMAIN, toUtf8(label), Uint8Array.of(0), kept])),
    transportSeed: () => kept.slice(),
  };
}

/**
 * Opens the device key in the file at `path`. When there is none it is created, if `mayCreate`: say false as soon as the
 * node has signed anything, because a new key could not continue the log. The folder of `path` must exist.
 * Errors: `KEY_INVALID` when the key is missing, damaged, or readable by anyone but its owner; those of `FileSystem`.
 */
export async function openDeviceKey(
  deps: DeviceKeyDeps,
  { path, mayCreate }: { readonly path: string; readonly mayCreate: boolean },
): Promise<DeviceKey> {
  if ((await deps.files.fileSize(path)) === undefined) {
    if (!mayCreate) {
      throw keyInvalid(path, 'is missing, but this home holds operations signed with it. Restore it from a backup');
    }
    await createKeyFile(deps, path);
  }
  return readKeyFile(deps, path);
}

async function createKeyFile({ files, random, ed25519 }: DeviceKeyDeps, path: string): Promise<void> {
  const seed = random.bytes(32);
  const { publicKey } = ed25519.keyFromSeed(seed);
  const line = `${KEY_FILE_LABEL} ${toHex(seed)} ${toHex(publicKey)}\n`;
  await files.writeFileAtomic(path, toUtf8(line), { mode: OWNER_ONLY });
}

async function readKeyFile(deps: DeviceKeyDeps, path: string): Promise<DeviceKey> {
  const { files, readFileMode } = deps;
  const mode = await readFileMode(path);
  if (mode !== undefined && (mode & GROUP_AND_OTHERS) !== 0) {
    throw keyInvalid(path, `can be read by other users of this machine. Run: chmod 600 ${path}`);
  }
  const [, seed, publicKey] = parseKeyFile(await files.readFile(path)) ?? [];
  if (!seed || !publicKey) throw keyInvalid(path, 'is damaged. Restore it from a backup');
  const key = deviceKeyOf(deps, fromHex(seed));
  if (toHex(key.publicKey) !== publicKey) throw keyInvalid(path, 'is damaged. Restore it from a backup');
  return key;
}

function parseKeyFile(bytes: Uint8Array): RegExpExecArray | null {
  try {
    return KEY_FILE_PATTERN.exec(fromUtf8(bytes));
  } catch {
    // Bytes that are not UTF-8 are no key file either.
    return null;
  }
}

const keyInvalid = (path: string, what: string) =>
  new GranaryError('KEY_INVALID', `The device key ${path} ${what}.`, { path });
