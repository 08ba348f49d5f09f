import { AsyncByteQueue, type RecordBatch, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import { concatBytes } from '#core/kernel/index.ts';

/** Collects what Arrow's writer writes until it is taken. */
class ByteCollector extends AsyncByteQueue {
  #parts: Uint8Array[] = [];

  override write(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = concatBytes(this.#parts);
    this.#parts = [];
    return bytes;
  }
}

/** Writes the Arrow IPC stream format piece by piece: concatenated, the pieces are one stream. */
export interface IpcEncoder {
  /** The schema message. To be called first, once. */
  start(): Uint8Array<ArrayBuffer>;
  batch(batch: RecordBatch): Uint8Array<ArrayBuffer>;
  /** The mark of the end. */
  end(): Uint8Array<ArrayBuffer>;
}

/** An encoder of batches of exactly this schema, uncompressed. */
export function createIpcEncoder(schema: Schema): IpcEncoder {
  const writer = new RecordBatchStreamWriter({ autoDestroy: false });
  const collector = new ByteCollector();
  return {
    start() {
      writer.reset(collector, schema);
      return collector.take();
    },
    batch(batch) {
      writer.write(batch);
      return collector.take();
    },
    end() {
      writer.reset(collector);
      return collector.take();
    },
  };
}
