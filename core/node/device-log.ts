import { join } from 'node:path';
import {
  type Blake3,
  createLocalLog,
  type DeviceKey,
  hasLocalLog,
  type LocalLog,
  openDeviceKey,
} from '#sync/log/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { readNodeFileMode } from '#sync/log/adapters/node-file-mode.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { NodeDeps } from './create-node.ts';

export const keyFolder = (home: string): string => join(home, 'keys');
export const deviceKeyPath = (home: string): string => join(keyFolder(home), 'device.key');

/** The key of this device and the log it signs. Errors: `KEY_INVALID`. */
export async function openDeviceLog(
  { clock, random, files }: NodeDeps,
  home: string,
  store: KeyValueStore,
): Promise<{ readonly key: DeviceKey; readonly log: LocalLog; readonly blake3: Blake3 }> {
  const blake3 = await createWasmBlake3();
  const ed25519 = createNodeEd25519();
  await files.makeDirectory(keyFolder(home));
  const mayCreate = !(await hasLocalLog(store));
  const key = await openDeviceKey(
    { files, readFileMode: readNodeFileMode, random, ed25519, blake3 },
    { path: deviceKeyPath(home), mayCreate },
  );
  return { key, blake3, log: createLocalLog({ store, key, clock, random, blake3, ed25519 }) };
}
