import type { IncarnationMarker } from '../ports.ts';

/** A marker that outlives the store, as a file outside of the data folder does. */
export function createMemoryMarker(): IncarnationMarker & { bytes: Uint8Array | undefined; failNextWrite: boolean } {
  const marker = {
    bytes: undefined as Uint8Array | undefined,
    failNextWrite: false,
    read: async () => marker.bytes,
    write: async (bytes: Uint8Array) => {
      const fails = marker.failNextWrite;
      marker.failNextWrite = false;
      if (fails) throw new Error('The power went.');
      marker.bytes = bytes;
    },
  };
  return marker;
}
