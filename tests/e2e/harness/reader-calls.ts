import type { FrameDecoderSupport } from '#core/columnar/browser.ts';

/** What a test can ask of the reader in a browser. Addresses are those of the test's own server. */
export interface ReaderCalls {
  probe(): Promise<readonly FrameDecoderSupport[]>;
  /** The rows of every column, bit-exact as text. */
  rows(url: string): Promise<string[][]>;
  chunkRows(url: string, rowGroup: number, column: number): Promise<string[]>;
  /** Decodes every frame with both decoders: how many there are of each method, and those that differ. */
  compareFrames(url: string): Promise<{ methods: Record<string, number>; different: string[] }>;
  /**
   * Rates over the first column of a segment, in millions a second, the best of several runs: values through the whole
   * pipeline, symbols through either decoder of frames. Rejects when the two decoders differ.
   */
  measure(url: string, repeats: number): Promise<{ values: number; own: number; platform: number }>;
  /** Plays a file to a time and returns the red of each pixel, a character each; `side` draws it as a square. */
  picture(
    url: string,
    seconds: number,
    side?: number,
  ): Promise<{ width: number; height: number; duration: number; red: string }>;
  /** Plays a file from its start to its end; resolves with the times of the frames that were shown. */
  play(url: string): Promise<{ ended: boolean; frames: number[] }>;
}
