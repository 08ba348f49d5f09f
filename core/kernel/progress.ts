/** How far a piece of long work has come. Counts never go back within one stage. */
export interface Progress {
  /** What is being done, in a word or two: `reading`, `encoding`, `verifying`. */
  readonly stage: string;
  /** The thing it is done to, when there are several: a file name, an asset. */
  readonly subject?: string;
  readonly done: number;
  /** Absent while the whole is not known. */
  readonly total?: number;
  readonly unit: 'rows' | 'bytes' | 'segments' | 'files' | 'assets' | 'columns' | 'operations';
  /** Bytes that went with what is done, where the unit is another. */
  readonly byteCount?: number;
}

export type ReportProgress = (progress: Progress) => void;
